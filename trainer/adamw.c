/* AdamW, its schedule and the frozen parameters.
 *
 * With g clipped to the global norm and t = 1, 2, ...
 *     p <- p + pull lr / (peak lr) (p0 - p);  p <- p (1 - lr wd)
 *     m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
 *     p <- p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 * in one pass over p, g, m, v: 28 bytes of traffic a parameter, which memory speed bounds. All entries are
 * cut into parts of at most a fixed size, which threads take one after the other. The norm is summed
 * part by part, so that it does not depend on the number of threads.                               */
#include "trainer/adamw.h"
#include "autograd/vector_math.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 1 << 14 }; /* floats a thread takes at a time */

void eqb_optimizer_options_default(eqb_optimizer_options *o)
{
    *o = (eqb_optimizer_options){.learning_rate = 5e-5,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .epsilon = 1e-8,
                                 .weight_decay = 0.01,
                                 .clip_norm = 1.0,
                                 .warmup = 0.1,
                                 .decay = 1.0};
}

double eqb_learning_rate(const eqb_optimizer_options *o, int64_t step, int64_t steps)
{
    double warmup = ceil(o->warmup * (double)steps), t = (double)step;
    if (t < warmup) return o->learning_rate * t / warmup;
    double rest = fmin((double)steps - warmup, ceil(o->decay * (double)steps));
    double left = (double)steps - t;
    if (left >= rest && left > 0.0) return o->learning_rate;
    return left > 0.0 ? o->learning_rate * left / rest : 0.0;
}

/* True when one of the comma-separated parts of list occurs in name. */
static bool listed(const char *list, const char *name)
{
    for (const char *part = list; part && *part;) {
        size_t length = strcspn(part, ",");
        for (const char *at = name; length > 0 && *at; at++)
            if (strncmp(at, part, length) == 0) return true;
        part += length + (part[length] == ',');
    }
    return false;
}

/* Word embeddings that are the decoder's matrix too go by both names. */
static bool is_listed(const char *list, const eqb_model *m, int32_t entry)
{
    const char *name = m->entry[entry].name;
    return listed(list, name) || (!m->config.untied_decoder &&
                                  strcmp(name, EQBI_WORD_EMBEDDINGS) == 0 &&
                                  listed(list, EQBI_DECODER));
}

/* A pattern that matches nothing is a typing error, not a wish. */
static eqb_status check_freeze(const eqb_model *m, const char *list, eqb_error *err)
{
    for (const char *part = list; part && *part;) {
        int length = (int)strcspn(part, ",");
        char one[128];
        if (length >= (int)sizeof one)
            return eqbi_fail(err, EQB_ERR_ARGUMENT, "freeze: a pattern of %d characters", length);
        memcpy(one, part, (size_t)length);
        one[length] = '\0';
        bool found = length == 0;
        for (int32_t i = 0; i < m->entries && !found; i++) found = is_listed(one, m, i);
        if (!found)
            return eqbi_fail(err, EQB_ERR_ARGUMENT, "freeze: no parameter's name holds \"%s\"", one);
        part += length + (part[length] == ',');
    }
    return EQB_OK;
}

static void cut(eqb_optimizer *o)
{
    const eqb_model *model = o->model;
    for (int32_t i = 0; i < model->entries; i++) {
        const eqbi_entry *e = &model->entry[i];
        size_t size = (size_t)e->rows * (size_t)e->cols;
        for (size_t from = 0; from < size && !o->frozen[i]; from += BLOCK)
            o->part[o->parts++] =
                (adamw_part){.at = e->offset + from,
                             .count = (int32_t)(size - from < BLOCK ? size - from : BLOCK),
                             .decay = e->decay};
    }
}

static bool can_pull(const eqb_optimizer_options *o, const eqb_model *model)
{
    return o->pull == 0.0 || (o->pull_to && o->pull_to->size == model->size && o->pull <= 1.0);
}

eqb_status eqb_optimizer_new(eqb_optimizer **out, eqb_model *model,
                             const eqb_optimizer_options *options, eqb_error *err)
{
    *out = NULL;
    if (!(options->learning_rate >= 0.0) || !(options->weight_decay >= 0.0) ||
        !(options->beta1 >= 0.0 && options->beta1 < 1.0) ||
        !(options->beta2 >= 0.0 && options->beta2 < 1.0) || !(options->epsilon > 0.0) ||
        !(options->pull >= 0.0) || !can_pull(options, model) ||
        !(options->clip_norm >= 0.0) || !(options->warmup >= 0.0 && options->warmup < 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "optimizer: an option is out of its range");
    EQBI_TRY(check_freeze(model, options->freeze, err));
    EQBI_TRY(eqb_model_gradients(model, err));
    const eqb_allocator *a = model->allocator;
    eqb_optimizer *o = eqbi_calloc(a, 1, sizeof *o);
    if (!o) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for an optimizer");
    o->model = model;
    o->options = *options;
    o->options.freeze = NULL; /* the caller's string is read here only */
    o->frozen = eqbi_calloc(a, (size_t)model->entries, sizeof *o->frozen);
    o->m = eqbi_calloc(a, model->size, sizeof *o->m);
    o->v = eqbi_calloc(a, model->size, sizeof *o->v);
    o->part_room = model->size / BLOCK + (size_t)model->entries;
    o->part = eqbi_calloc(a, o->part_room, sizeof *o->part);
    o->partial = eqbi_calloc(a, o->part_room, sizeof *o->partial);
    if (!o->frozen || !o->m || !o->v || !o->part || !o->partial) {
        eqb_optimizer_free(o);
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the moments of %zu parameters",
                         model->size);
    }
    for (int32_t i = 0; i < model->entries; i++)
        o->frozen[i] = is_listed(options->freeze, model, i);
    eqbi_model_freeze(model, o->frozen);
    cut(o);
    *out = o;
    return EQB_OK;
}

void eqb_optimizer_free(eqb_optimizer *o)
{
    if (!o) return;
    const eqb_allocator *a = o->model->allocator;
    eqbi_free(a, o->frozen, (size_t)o->model->entries, sizeof *o->frozen);
    eqbi_free(a, o->m, o->model->size, sizeof *o->m);
    eqbi_free(a, o->v, o->model->size, sizeof *o->v);
    eqbi_free(a, o->part, o->part_room, sizeof *o->part);
    eqbi_free(a, o->partial, o->part_room, sizeof *o->partial);
    eqbi_free(a, o, 1, sizeof *o);
}

/* In 64 sums side by side, as a vector's lanes alone would wait for each addition, and each of at most 128
 * terms, for they are float.                                                                      */
EQBI_KERNEL static double square_sum(const float *g, size_t n)
{
    enum { SIDE_BY_SIDE = 64, STRETCH = 128 * SIDE_BY_SIDE };
    double sum = 0.0;
    for (size_t from = 0; from < n; from += STRETCH) {
        size_t to = from + STRETCH < n ? from + STRETCH : n, i = from;
        float part[SIDE_BY_SIDE] = {0}, all = 0.0f;
        for (; i + SIDE_BY_SIDE <= to; i += SIDE_BY_SIDE)
            for (size_t k = 0; k < SIDE_BY_SIDE; k++) part[k] += g[i + k] * g[i + k];
        for (; i < to; i++) all += g[i] * g[i];
        for (size_t k = 0; k < SIDE_BY_SIDE; k++) all += part[k];
        sum += (double)all;
    }
    return sum;
}

/* The norm of the gradients of what is not frozen. */
static double global_norm(eqb_optimizer *o)
{
    const float *g = o->model->gradients;
#pragma omp parallel for schedule(dynamic) if (o->parts > 1)
    for (size_t i = 0; i < o->parts; i++)
        o->partial[i] = square_sum(g + o->part[i].at, (size_t)o->part[i].count);
    double sum = 0.0;
    for (size_t i = 0; i < o->parts; i++) sum += o->partial[i];
    return sqrt(sum);
}

/* The numbers of one step, the same for all parameters. */
typedef struct update {
    float clip, beta1, beta2, rate, inv_sqrt_bc2, epsilon;
} update;

/* keep = 1 - lr wd */
EQBI_KERNEL static void adamw(float *EQBI_RESTRICT p, const float *EQBI_RESTRICT g,
                              float *EQBI_RESTRICT m, float *EQBI_RESTRICT v, size_t n,
                              const update *u, float keep)
{
    const float clip = u->clip, b1 = u->beta1, b2 = u->beta2, rate = u->rate;
    const float scale = u->inv_sqrt_bc2, epsilon = u->epsilon;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * clip;
        m[i] = b1 * m[i] + (1.0f - b1) * d;
        v[i] = b2 * v[i] + (1.0f - b2) * d * d;
        p[i] = keep * p[i] - rate * m[i] / (sqrtf(v[i]) * scale + epsilon);
    }
}

EQBI_KERNEL static void pull_back(float *EQBI_RESTRICT p, const float *EQBI_RESTRICT to, size_t n,
                                  float share)
{
    for (size_t i = 0; i < n; i++) p[i] += share * (to[i] - p[i]);
}

eqb_status eqb_optimizer_step(eqb_optimizer *o, double learning_rate, double *norm, eqb_error *err)
{
    eqb_model *model = o->model;
    eqbi_model_complete_gradients(model);
    double length = global_norm(o);
    if (norm) *norm = length;
    if (!isfinite(length))
        return eqbi_fail(err, EQB_ERR_DIVERGED, "step %lld: the gradient is not finite (%g)",
                         (long long)o->step + 1, length);
    o->step++;
    double clip = o->options.clip_norm / (length + 1e-6);
    double t = (double)o->step;
    update u = {.clip = o->options.clip_norm > 0.0 && clip < 1.0 ? (float)clip : 1.0f,
                .beta1 = (float)o->options.beta1,
                .beta2 = (float)o->options.beta2,
                .rate = (float)(learning_rate / (1.0 - pow(o->options.beta1, t))),
                .inv_sqrt_bc2 = (float)(1.0 / sqrt(1.0 - pow(o->options.beta2, t))),
                .epsilon = (float)o->options.epsilon};
    bool pull = o->options.pull > 0.0 && learning_rate > 0.0;
    const float *to = pull ? o->options.pull_to->block : NULL;
    float share = (float)fmin(o->options.pull * learning_rate / o->options.learning_rate, 1.0);
    float decayed = (float)(1.0 - learning_rate * o->options.weight_decay);
#pragma omp parallel for schedule(dynamic) if (o->parts > 1)
    for (size_t i = 0; i < o->parts; i++) {
        size_t at = o->part[i].at, n = (size_t)o->part[i].count;
        if (to) pull_back(model->block + at, to + at, n, share);
        adamw(model->block + at, model->gradients + at, o->m + at, o->v + at, n, &u,
              o->part[i].decay ? decayed : 1.0f);
    }
    eqb_model_forget_gradients(model);
    return EQB_OK;
}
