/* The machine's own limits, and the floor of a training step: what our figures are held against.
 *
 *     bench_machine              FMA peak, memory bandwidth, sgemm at the shapes of the layers
 *     bench_machine work=floor [SHAPE]  the matrix products of a step's useful work (no padding,
 *                                vocabulary logits of masked rows only, query, key, value as one,
 *                                the last layer for the rows that the heads look at) straight
 *                                through BLAS, and one fused AdamW pass; nothing else
 *
 * The floor follows the protocol of bench.h, so that a driver can let it take turns with a step. */
#include "autograd/vector_math.h"
#include "base/fault.h"
#include "bench/bench.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>

enum { ROUNDS = 7 };

static float *floats(size_t count)
{
    float *p = aligned_alloc(64, (count * sizeof *p + 63) / 64 * 64);
    if (!p) {
        fprintf(stderr, "bench_machine: no memory\n");
        exit(5);
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) p[i] = 1e-3f * (float)(i % 97);
    return p;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return x[n / 2];
}

/* -------------------------------------------------------------------------------- arithmetic -- */

/* Independent chains of multiply-adds in registers, enough of them to hide the latency of one; written
 * out, because compilers keep arrays in memory. Vectors of 8: AVX2's; AVX-512 could do up to twice. */
typedef float numbers __attribute__((vector_size(32)));
enum { CHAINS = 10, TURN_FLOP = 2 * CHAINS * 8 };

#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
static float multiply_add(int turns)
{
    numbers a = {1}, b = {2}, c = {3}, d = {4}, e = {5}, f = {6}, g = {7}, h = {8}, i = {9}, j = {10};
    const numbers by = {0.999f, 0.999f, 0.999f, 0.999f, 0.999f, 0.999f, 0.999f, 0.999f};
    const numbers plus = by * 1e-3f;
    for (int t = 0; t < turns; t++) {
        a = a * by + plus, b = b * by + plus, c = c * by + plus, d = d * by + plus;
        e = e * by + plus, f = f * by + plus, g = g * by + plus, h = h * by + plus;
        i = i * by + plus, j = j * by + plus;
    }
    numbers sum = ((a + b) + (c + d)) + ((e + f) + (g + h)) + (i + j);
    return sum[0] + sum[7];
}

static double fma_gflops(int threads)
{
    enum { TURNS = 4000000 };
    double seconds[ROUNDS];
    volatile float sink;
    for (int r = 0; r < ROUNDS; r++) {
        float sum = 0.0f;
        double began = bench_now();
#pragma omp parallel num_threads(threads) reduction(+ : sum)
        sum += multiply_add(TURNS);
        seconds[r] = bench_now() - began;
        sink = sum;
    }
    (void)sink;
    return 1e-9 * threads * (double)TURNS * TURN_FLOP / median(seconds, ROUNDS);
}

/* ------------------------------------------------------------------------------------ memory -- */

/* n is a multiple of 32; four sums, because one would wait for its own additions. */
#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
static float read_all(const float *a, size_t n)
{
    numbers sum[4] = {{0}};
    for (size_t i = 0; i < n; i += 32) {
        const numbers *x = (const numbers *)(a + i);
        sum[0] += x[0], sum[1] += x[1], sum[2] += x[2], sum[3] += x[3];
    }
    numbers all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    float total = 0.0f;
    for (int i = 0; i < 8; i++) total += all[i];
    return total;
}

EQBI_KERNEL static void triad(float *EQBI_RESTRICT a, const float *EQBI_RESTRICT b,
                              const float *EQBI_RESTRICT c, size_t n)
{
    for (size_t i = 0; i < n; i++) a[i] = b[i] + 3.0f * c[i];
}

/* The library's update (trainer/adamw.c), without clipping and decay. */
EQBI_KERNEL static void adamw(float *EQBI_RESTRICT p, const float *EQBI_RESTRICT g,
                              float *EQBI_RESTRICT m, float *EQBI_RESTRICT v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        p[i] -= 1e-5f * m[i] / (sqrtf(v[i]) + 1e-8f);
    }
}

enum { BLOCK = 1 << 15 }; /* floats a thread takes at a time */

static double gigabytes(bool write, int threads)
{
    enum { COUNT = 1 << 26 }; /* 256 MiB an array: far more than any cache */
    float *a = floats(COUNT), *b = floats(COUNT), *c = floats(COUNT);
    double seconds[ROUNDS];
    volatile float sink;
    for (int r = 0; r < ROUNDS; r++) {
        float sum = 0.0f;
        double began = bench_now();
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : sum)
        for (size_t i = 0; i < COUNT; i += BLOCK) {
            if (write)
                triad(a + i, b + i, c + i, BLOCK);
            else
                sum += read_all(a + i, BLOCK);
        }
        seconds[r] = bench_now() - began;
        sink = sum;
    }
    (void)sink;
    free(a), free(b), free(c);
    /* A triad moves three arrays; as in STREAM, reading a line before its store is not counted. */
    return 1e-9 * (write ? 3.0 : 1.0) * sizeof(float) * COUNT / median(seconds, ROUNDS);
}

/* --------------------------------------------------------------------------- matrix products -- */

/* One linear layer y = x W^T with its two backward products, on buffers that are large enough. */
typedef struct product {
    int rows, out, in;
    float *x, *w, *y, *dw;
} product;

static void forward(const product *p)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->rows, p->out, p->in, 1.0f, p->x, p->in,
                p->w, p->in, 0.0f, p->y, p->out);
}

static void weight_gradient(const product *p)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p->out, p->in, p->rows, 1.0f, p->y, p->out,
                p->x, p->in, 0.0f, p->dw, p->in);
}

static void input_gradient(const product *p)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, p->rows, p->in, p->out, 1.0f, p->y,
                p->out, p->w, p->in, 0.0f, p->x, p->in);
}

static double gemm_gflops(const product *p, void (*multiply)(const product *))
{
    double seconds[ROUNDS];
    for (int r = -1; r < ROUNDS; r++) {
        double began = bench_now();
        multiply(p);
        if (r >= 0) seconds[r] = bench_now() - began;
    }
    return 2e-9 * p->rows * (double)p->out * p->in / median(seconds, ROUNDS);
}

static void gemm_table(const bench_shape *s)
{
    const struct {
        const char *name;
        int out, in;
    } layer[] = {{"query, key, value", 3 * s->hidden, s->hidden},
                 {"attention output", s->hidden, s->hidden},
                 {"feed-forward up", s->feed_forward, s->hidden},
                 {"feed-forward down", s->hidden, s->feed_forward},
                 {"vocabulary", s->vocab, s->hidden}};
    printf("\nsgemm, GFLOP/s, %d threads%15s%10s%8s%8s\n", omp_get_max_threads(), "rows", "forward",
           "dW", "dx");
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
        bool head = layer[i].out == s->vocab;
        int all = s->sentences * s->tokens, rows = head ? s->sentences * s->masked : all;
        size_t in = (size_t)layer[i].in, out = (size_t)layer[i].out, r = (size_t)rows;
        product p = {rows,           layer[i].out,     layer[i].in,     floats(r * in),
                     floats(out * in), floats(r * out), floats(out * in)};
        double y = gemm_gflops(&p, forward), dw = gemm_gflops(&p, weight_gradient);
        printf("  %-20s [%d, %d]%*d%10.0f%8.0f%8.0f\n", layer[i].name, p.out, p.in,
               p.out > 9999 ? 7 : p.in > 999 || p.out > 999 ? 8 : 9, rows, y, dw,
               gemm_gflops(&p, input_gradient));
        free(p.x), free(p.w), free(p.y), free(p.dw);
    }
}

/* ------------------------------------------------------------------------------------- floor -- */

typedef struct step_floor {
    bench_shape shape;
    int rows;
    size_t size; /* parameters */
    float *block[4]; /* parameters, gradients, moments, as the library has them */
    float *x, *y;
} step_floor;

/* Runs the products of one linear layer; returns where the next layer's parameters begin. */
static size_t linear(const step_floor *f, size_t at, int rows, int out, int in)
{
    product p = {rows, out, in, f->x, f->block[0] + at, f->y, f->block[1] + at};
    forward(&p);
    weight_gradient(&p);
    input_gradient(&p);
    return at + (size_t)out * (size_t)in;
}

static double floor_round(void *self)
{
    const step_floor *f = self;
    const bench_shape *s = &f->shape;
    double began = bench_now();
    int masked = s->sentences * s->masked;
    size_t at = linear(f, 0, masked, s->vocab, s->hidden);
    at = linear(f, at, masked, s->hidden, s->hidden);
    at = linear(f, at, s->sentences, s->hidden, s->hidden);
    for (int i = 0; i < s->layers; i++) {
        int used = i < s->layers - 1 ? f->rows : masked + s->sentences;
        if (used == f->rows) {
            at = linear(f, at, used, 3 * s->hidden, s->hidden);
        } else {
            at = linear(f, at, used, s->hidden, s->hidden);
            at = linear(f, at, f->rows, 2 * s->hidden, s->hidden);
        }
        at = linear(f, at, used, s->hidden, s->hidden);
        at = linear(f, at, used, s->feed_forward, s->hidden);
        at = linear(f, at, used, s->hidden, s->feed_forward);
    }
    float *const *b = f->block;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < f->size; i += BLOCK)
        adamw(b[0] + i, b[1] + i, b[2] + i, b[3] + i, f->size - i < BLOCK ? f->size - i : BLOCK);
    return bench_now() - began;
}

static int run_floor(char **argv)
{
    step_floor f = {.shape = bench_shape_of(argv)};
    const bench_shape *s = &f.shape;
    size_t h = (size_t)s->hidden, ff = (size_t)s->feed_forward;
    for (int i = 0; i < s->sentences; i++) f.rows += bench_length(s, i);
    f.size = (size_t)s->vocab * h + 2 * h * h + (size_t)s->layers * (4 * h * h + 2 * h * ff);
    for (int i = 0; i < 4; i++) f.block[i] = floats(f.size);
    size_t masked = (size_t)s->sentences * (size_t)s->masked, rows = (size_t)f.rows;
    size_t logits = masked * (size_t)s->vocab, wide = rows * (3 * h > ff ? 3 * h : ff);
    f.x = floats(rows * (ff > h ? ff : h));
    f.y = floats(logits > wide ? logits : wide);
    int code = bench_serve(argv, floor_round, &f);
    for (int i = 0; i < 4; i++) free(f.block[i]);
    free(f.x), free(f.y);
    return code;
}

int main(int argc, char **argv)
{
    (void)argc;
    if (strcmp(bench_word(argv, "work", ""), "floor") == 0) return run_floor(argv);
    int all = omp_get_max_threads();
    printf("threads%30d%10d\n", 1, all);
    printf("%-27s%10.0f%10.0f\n", "multiply-add, GFLOP/s", fma_gflops(1), fma_gflops(all));
    printf("%-27s%10.1f%10.1f\n", "memory read, GB/s", gigabytes(false, 1), gigabytes(false, all));
    printf("%-27s%10.1f%10.1f\n", "memory triad, GB/s", gigabytes(true, 1), gigabytes(true, all));
    bench_shape shape = bench_shape_of(argv);
    gemm_table(&shape);
    return 0;
}
