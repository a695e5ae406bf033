/* eqb_model_inspect: what is in a directory's weight files, and what loading would do with it. */
#include "base/file.h"
#include "weights/convert_dtype.h"
#include "weights/hf_config.h"
#include "weights/hf_match.h"

#include <math.h>

typedef struct inspector {
    eqb_config config;
    eqb_model *model; /* for its table of entries alone; the block is never touched */
    eqbi_weights weights;
    eqbi_match match;
    void (*on_tensor)(void *user, const eqb_tensor_report *report);
    void *user;
} inspector;

static void measure(eqb_tensor_report *r, const eqbi_file_tensor *t)
{
    enum { BLOCK = 4096 };
    float x[BLOCK];
    size_t width = t->dtype == EQBI_F64 ? 8 : t->dtype == EQBI_F32 ? 4 : 2, count = t->size / width;
    double sum = 0, squares = 0;
    r->count = count;
    r->min = INFINITY;
    r->max = -INFINITY;
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t n = count - begin < BLOCK ? count - begin : BLOCK;
        eqbi_widen(x, (const unsigned char *)t->data + begin * width, t->dtype, n);
        for (size_t i = 0; i < n; i++) {
            double v = (double)x[i];
            if (!isfinite(v)) {
                *(isnan(v) ? &r->nan : &r->infinite) += 1;
                continue;
            }
            sum += v;
            squares += v * v;
            r->min = v < r->min ? v : r->min;
            r->max = v > r->max ? v : r->max;
        }
    }
    double finite = (double)(count - r->nan - r->infinite);
    if (finite == 0) {
        r->min = r->max = 0;
        return;
    }
    r->mean = sum / finite;
    r->deviation = sqrt(fmax(squares / finite - r->mean * r->mean, 0));
}

/* A tensor that fills an entry: as it is, after a change, or not at all. */
static void judge_used(const inspector *s, eqb_tensor_report *r, const eqbi_file_tensor *t,
                       int32_t entry, eqb_error *fault)
{
    r->use = EQB_TENSOR_USED;
    r->parameter = s->model->entry[entry].name;
    if (eqbi_match_check(&s->model->entry[entry], t, r->file, fault) != EQB_OK) {
        r->use = EQB_TENSOR_REFUSED;
        r->reason = fault->message;
    } else if (r->nan > 0 || r->infinite > 0) {
        r->use = EQB_TENSOR_REFUSED;
        r->reason = "has NaN or infinity";
    } else if (t->transposed) {
        r->reason = "transposed";
    } else if (t->dtype != EQBI_F32) {
        r->reason = "converted to F32";
    }
}

static void report_tensor(const inspector *s, size_t i)
{
    const eqbi_file_tensor *t = s->weights.tensor[i];
    const eqbi_tensor_match *m = &s->match.of[i];
    char shape[EQBI_SHAPE_TEXT];
    eqb_error fault;
    eqbi_show_shape(shape, t->shape, t->dims);
    eqb_tensor_report r = {.file = eqbi_weights_file_of(&s->weights, t),
                           .name = t->name,
                           .dtype = eqbi_dtype_name(t->dtype),
                           .shape = shape};
    if (eqbi_convertible(t->dtype)) measure(&r, t);
    switch (m->fate) {
    case EQBI_FATE_USED: judge_used(s, &r, t, m->entry, &fault); break;
    case EQBI_FATE_IGNORED:
        r.use = EQB_TENSOR_IGNORED;
        r.reason = "a constant, or of an optimizer";
        break;
    case EQBI_FATE_SECOND:
        r.use = eqbi_same_tensor(t, s->match.source[m->entry]) ? EQB_TENSOR_IGNORED
                                                               : EQB_TENSOR_UNUSED;
        r.reason = "another tensor is this parameter";
        r.parameter = s->model->entry[m->entry].name;
        break;
    case EQBI_FATE_UNUSED:
        r.use = EQB_TENSOR_UNUSED;
        r.reason = "belongs to nothing here";
        break;
    }
    s->on_tensor(s->user, &r);
}

static void report_missing(const inspector *s)
{
    for (int32_t i = 0; i < s->model->entries; i++) {
        const eqbi_entry *e = &s->model->entry[i];
        if (s->match.source[i]) continue;
        const uint64_t shape[2] = {(uint64_t)e->rows, (uint64_t)e->cols};
        char text[EQBI_SHAPE_TEXT];
        eqbi_show_shape(text, e->dims == 1 ? shape + 1 : shape, e->dims);
        const eqb_tensor_report r = {
            .file = "", .name = e->name, .dtype = "", .shape = text, .parameter = e->name,
            .use = e->part ? EQB_TENSOR_MISSING : EQB_TENSOR_REFUSED,
            .reason = e->part ? "missing: drawn at random" : "missing"};
        s->on_tensor(s->user, &r);
    }
}

static eqb_status inspect(inspector *s, const char *dir, const eqb_allocator *allocator,
                          eqb_error *err)
{
    EQBI_TRY(eqbi_hf_config_load(&s->config, dir, allocator, err));
    EQBI_TRY(eqbi_weights_open(&s->weights, dir, allocator, err));
    eqbi_match_decoder(&s->config, &s->weights);
    EQBI_TRY(eqbi_match_size(&s->config, &s->weights, err));
    EQBI_TRY(eqbi_model_create(&s->model, &s->config, allocator, err));
    EQBI_TRY(eqbi_match_tensors(&s->match, &s->weights, s->model, err));
    for (size_t i = 0; i < s->weights.count; i++) report_tensor(s, i);
    report_missing(s);
    return EQB_OK;
}

eqb_status eqb_model_inspect(const char *dir, const eqb_allocator *allocator,
                             void (*on_tensor)(void *user, const eqb_tensor_report *report),
                             void *user, eqb_error *err)
{
    if (!eqbi_file_exists(dir))
        return eqbi_fail(err, EQB_ERR_IO, "%s: no such directory", dir);
    inspector s = {.on_tensor = on_tensor, .user = user};
    eqb_status status = inspect(&s, dir, allocator, err);
    eqbi_match_free(&s.match);
    eqbi_weights_close(&s.weights);
    eqb_model_free(s.model);
    return status;
}
