/* Matrix products against a plain twin in double: every way behind eqbi_gemm, and the kernel alone
 * for what gemm.c would give to BLAS. Shapes lie on both sides of each block and tile edge.       */
#include "tests/math_testing.h"
#include "tests/testing.h"

#include "autograd/gemm_kernel.h"
#include "autograd/ops.h"
#include "autograd/random.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 3 }; /* floats between the rows of a matrix, which stay as they are */

typedef struct operands {
    eqbi_product p;
    float *a, *b, *c, *before, *bias;
    size_t size; /* of c and before */
} operands;

static float *random_floats(size_t count, uint64_t stream)
{
    float *x = aligned_alloc(64, (count * sizeof *x + 63) / 64 * 64);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < count; i++) x[i] = (float)(eqbi_random_real(7, stream, i) - 0.5);
    return x;
}

static operands new_operands(int form, int32_t m, int32_t n, int32_t k)
{
    bool ta = form & 1, tb = form & 2;
    int32_t lda = (ta ? m : k) + GUARD, ldb = (tb ? k : n) + GUARD, ldc = n + GUARD;
    operands o = {.a = random_floats((size_t)(ta ? k : m) * (size_t)lda, 1),
                  .b = random_floats((size_t)(tb ? n : k) * (size_t)ldb, 2),
                  .size = (size_t)m * (size_t)ldc};
    o.c = random_floats(o.size, 3);
    o.before = random_floats(o.size, 3);
    o.bias = random_floats((size_t)n, 4);
    float beta = form / 4 == 1 ? 1.0f : 0.0f;
    const float *bias = form / 4 == 2 ? o.bias : NULL;
    o.p = (eqbi_product){ta, tb, m, n, k, o.a, o.b, o.c, lda, ldb, ldc, beta, bias, NULL, NULL};
    /* beta 0 stores: what stood there may be anything */
    for (int32_t i = 0; beta == 0.0f && i < m; i++)
        for (int32_t j = 0; j < n; j++) o.c[(size_t)i * (size_t)ldc + (size_t)j] = NAN;
    return o;
}

static void free_operands(operands *o)
{
    free(o->a), free(o->b), free(o->c), free(o->before), free(o->bias);
}

static double twin(const operands *o, int32_t i, int32_t j)
{
    const eqbi_product *p = &o->p;
    double sum = p->beta != 0.0f ? (double)o->before[(size_t)i * (size_t)p->ldc + (size_t)j]
                 : p->bias       ? (double)o->bias[j]
                                 : 0.0;
    for (int32_t t = 0; t < p->k; t++)
        sum += (double)p->a[p->transpose_a ? (size_t)t * (size_t)p->lda + (size_t)i
                                           : (size_t)i * (size_t)p->lda + (size_t)t] *
               (double)p->b[p->transpose_b ? (size_t)j * (size_t)p->ldb + (size_t)t
                                           : (size_t)t * (size_t)p->ldb + (size_t)j];
    return sum;
}

static void check_product(const operands *o, const char *way)
{
    const eqbi_product *p = &o->p;
    double room = 1e-6 * sqrt((double)p->k) + 1e-6;
    for (int32_t i = 0; i < p->m; i++)
        for (int32_t j = 0; j < p->ldc; j++) {
            size_t at = (size_t)i * (size_t)p->ldc + (size_t)j;
            double expected = j < p->n ? twin(o, i, j) : (double)o->before[at];
            ck_assert_msg(fabs((double)o->c[at] - expected) <= (j < p->n ? room : 0.0),
                          "%s, form %d%d beta %g%s, [%d, %d, %d] at %d, %d: %.8g, expected %.8g", way,
                          p->transpose_a, p->transpose_b, (double)p->beta,
                          p->bias ? ", bias" : "", p->m, p->n, p->k, i, j,
                          (double)o->c[at], expected);
        }
}

static const int32_t shapes[][3] = {
    {1, 1, 1},     {1, 6, 8},      {5, 5, 3},     {6, 16, 8},    {7, 17, 9},    {12, 7, 768},
    {16, 96, 40},  {17, 100, 31},  {32, 61, 257}, {33, 48, 256}, {31, 2, 100},  {264, 16, 8},
    {265, 33, 17}, {70, 97, 513},  {3, 600, 24},  {300, 5, 300}, {40, 530, 70}, {600, 110, 30},
    {260, 272, 258}, /* large: a team packs A together */
};
enum { SHAPES = sizeof shapes / sizeof *shapes, FORMS = 12 };

/* By a team, or in this thread alone when it has none. */
static void run_kernel(const eqbi_product *p, int threads)
{
    enum { MARK = 64 };
    int team = threads > 0 ? threads : 1;
    size_t common, share;
    eqbi_gemm_kernel_scratch(p, team, &common, &share);
    size_t size = (common + (size_t)team * share) * sizeof(float);
    unsigned char *scratch = aligned_alloc(64, (size + MARK + 63) / 64 * 64);
    ck_assert_ptr_nonnull(scratch);
    memset(scratch, 0xff, size + MARK);
    float *first = (float *)(void *)scratch, *shares = first + common;
    if (threads == 0) {
        eqbi_gemm_kernel_team(p, 1, first, shares);
    } else {
#pragma omp parallel num_threads(threads)
        eqbi_gemm_kernel_team(p, threads, first, shares + (size_t)omp_get_thread_num() * share);
    }
    for (size_t i = 0; i < MARK; i++) ck_assert_uint_eq(scratch[size + i], 0xff);
    free(scratch);
}

START_TEST(test_gemm)
{
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    for (int form = 0; form < FORMS; form++) {
        operands o = new_operands(form, shapes[_i][0], shapes[_i][1], shapes[_i][2]);
        const eqbi_product *p = &o.p;
        eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
        eqbi_gemm(g, p);
        ck_assert_int_eq(eqb_graph_status(g, NULL), EQB_OK);
        check_product(&o, "gemm");
        free_operands(&o);
        o = new_operands(form, shapes[_i][0], shapes[_i][1], shapes[_i][2]);
        eqbi_gemm_here(p);
        check_product(&o, "gemm in this thread");
        free_operands(&o);
    }
    eqb_graph_free(g);
}
END_TEST

/* Any number of threads brings the same bits. */
START_TEST(test_gemm_kernel)
{
    if (!eqbi_gemm_kernel_usable()) return;
    for (int form = 0; form < FORMS; form++) {
        operands o = new_operands(form, shapes[_i][0], shapes[_i][1], shapes[_i][2]);
        run_kernel(&o.p, 0);
        check_product(&o, "kernel");
        for (int threads = 1; threads <= 3; threads++) {
            operands again = new_operands(form, o.p.m, o.p.n, o.p.k);
            run_kernel(&again.p, threads);
            ck_assert_mem_eq(o.c, again.c, o.size * sizeof *o.c);
            free_operands(&again);
        }
        free_operands(&o);
    }
}
END_TEST

/* A sentence means the same wherever it stands in a batch: the last row repeats the first. */
START_TEST(test_gemm_kernel_rows)
{
    if (!eqbi_gemm_kernel_usable()) return;
    operands o = new_operands(2, shapes[_i][0], shapes[_i][1], shapes[_i][2]);
    size_t last = (size_t)(o.p.m - 1);
    memcpy(o.a + last * (size_t)o.p.lda, o.a, (size_t)o.p.k * sizeof *o.a);
    run_kernel(&o.p, 0);
    ck_assert_mem_eq(o.c, o.c + last * (size_t)o.p.ldc, (size_t)o.p.n * sizeof *o.c);
    free_operands(&o);
}
END_TEST

typedef struct visits {
    unsigned char *of; /* [m, n] */
    int32_t n;
} visits;

static void visit(const void *context, int32_t row, int32_t rows, int32_t column, int32_t columns)
{
    const visits *v = context;
    for (int32_t i = row; i < row + rows; i++)
        for (int32_t j = column; j < column + columns; j++)
            v->of[(size_t)i * (size_t)v->n + (size_t)j]++;
}

/* Whichever way a product goes, what follows it meets each element once. */
static const struct {
    int form;
    int32_t m, n, k;
} followed[] = {{2, 5, 100, 40},    {2, 30, 500, 100}, {0, 70, 300, 200}, {1, 40, 90, 20},
                {3, 150, 100, 100}, {0, 40, 300, 100}, {2, 270, 300, 260}, {2, 300, 70, 200},
                {9, 300, 70, 200}};

START_TEST(test_gemm_then)
{
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    operands o = new_operands(followed[_i].form, followed[_i].m, followed[_i].n, followed[_i].k);
    size_t size = (size_t)o.p.m * (size_t)o.p.n;
    visits v = {calloc(size, 1), o.p.n};
    ck_assert_ptr_nonnull(v.of);
    o.p.then = visit;
    o.p.context = &v;
    eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
    ck_assert(eqbi_gemm(g, &o.p));
    for (size_t i = 0; i < size; i++) ck_assert_uint_eq(v.of[i], 1);
    check_product(&o, "gemm, followed");
    free(v.of);
    free_operands(&o);
    eqb_graph_free(g);
}
END_TEST

/* A product of no rows. */
START_TEST(test_gemm_nothing)
{
    float a = 2.0f, b = 3.0f, c[2] = {5.0f, 7.0f};
    eqbi_gemm_here(&(eqbi_product){false, true, 0, 2, 1, &a, &b, c, 1, 1, 2, 0.0f, NULL, NULL,
                                   NULL});
    ck_assert(c[0] == 5.0f && c[1] == 7.0f);
}
END_TEST

TCase *gemm_tests(void)
{
    TCase *t = tcase_create("gemm");
    tcase_add_loop_test(t, test_gemm, 0, SHAPES);
    tcase_add_loop_test(t, test_gemm_kernel, 0, SHAPES);
    tcase_add_loop_test(t, test_gemm_kernel_rows, 0, SHAPES);
    tcase_add_loop_test(t, test_gemm_then, 0, (int)(sizeof followed / sizeof *followed));
    tcase_add_test(t, test_gemm_nothing);
    tcase_set_timeout(t, 60.0);
    return t;
}
