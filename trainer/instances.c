/* Sentence pairs for pretraining, made as Google's create_pretraining_data.py makes them: sentences
 * are collected up to a target length, cut at a random place into A and B, and in half of the cases B
 * is replaced by sentences of another document; what was left of the collected ones is used again.
 * Because a run of sentences is a stretch of tokens, an instance is four numbers, and shortening one
 * moves its ends.                                                                                 */
#include "autograd/random.h"
#include "trainer/corpus.h"
#include "base/fault.h"

/* Draws of one epoch in a fixed order. */
typedef struct dice {
    uint64_t seed, number, count;
} dice;

static double real(dice *d)
{
    return eqbi_random_real(d->seed, d->number, d->count++);
}

/* From low to high, both included. */
static size_t between(dice *d, size_t low, size_t high)
{
    return low + eqbi_random_below((uint32_t)(high - low + 1), d->seed, d->number, d->count++);
}

/* Drops tokens of the longer segment, at its front or its end, until both fit. */
static void truncate_pair(eqbi_instance *x, size_t most, dice *d)
{
    while ((size_t)x->a_length + (size_t)x->b_length > most) {
        bool front = real(d) < 0.5;
        if (x->a_length > x->b_length) {
            x->a += front;
            x->a_length--;
        } else {
            x->b += front;
            x->b_length--;
        }
    }
}

static eqb_status add(eqbi_deal *e, const eqbi_instance *x, eqb_error *err)
{
    if (!eqbi_grow(e->allocator, (void **)&e->instance, &e->capacity, e->count + 1,
                   sizeof *e->instance))
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the sentence pairs of a window");
    e->instance[e->count++] = *x;
    return EQB_OK;
}

/* The documents that random sentences may come from: those of the same file, so that telling texts
 * of two kinds apart is not enough to know what follows; all where a file has only one.           */
typedef struct range {
    size_t from, to;
} range;

static range others(const eqbi_window *w, size_t document)
{
    range r = {document, document + 1};
    while (r.from > 0 && w->file[r.from - 1] == w->file[document]) r.from--;
    while (r.to < w->documents && w->file[r.to] == w->file[document]) r.to++;
    return r.to - r.from > 1 ? r : (range){0, w->documents};
}

/* Sentences of another document: at most count, so that their number tells nothing, and no more than
 * are needed for most tokens.                                                                     */
static void random_next(const eqbi_window *w, size_t document, range r, size_t count, size_t most,
                        eqbi_instance *x, dice *d)
{
    size_t other = document;
    while (other == document) other = between(d, r.from, r.to - 1);
    size_t end = w->document[other + 1];
    size_t from = between(d, w->document[other], end - 1), to = from;
    while (to < end && to - from < count && w->sentence[to] - w->sentence[from] < most) to++;
    x->b = w->sentence[from];
    x->b_length = (int32_t)(w->sentence[to] - w->sentence[from]);
    x->next = 1;
}

/* What the next instance of a document shall be. */
typedef struct plan {
    size_t target; /* tokens to collect             */
    bool single;   /* one sentence, and no next one */
} plan;

static plan draw_plan(const eqb_pretrain_options *o, dice *d)
{
    size_t most = (size_t)o->max_tokens - 3;
    bool single = real(d) < o->single, shorter = real(d) < o->short_sequences;
    return (plan){shorter ? between(d, 2, most) : most, single};
}

/* Makes an instance of the sentences [first, last); the first one that it did not use. */
static size_t make(eqbi_instance *x, const eqbi_window *w, size_t document, range r, size_t first,
                   size_t last, plan p, dice *d)
{
    size_t sentences = last - first, cut = first + 1;
    if (sentences >= 2 && !p.single) cut = first + between(d, 1, sentences - 1);
    size_t a_length = w->sentence[cut] - w->sentence[first];
    *x = (eqbi_instance){.a = w->sentence[first], .b = w->sentence[cut], .next = -1};
    x->a_length = (int32_t)a_length;
    if (p.single || (sentences == 1 && r.to - r.from < 2)) return cut;
    if (sentences == 1 || (real(d) < 0.5 && r.to - r.from > 1)) {
        size_t count = sentences > 1 ? last - cut : sentences;
        random_next(w, document, r, count, p.target > a_length ? p.target - a_length : 1, x, d);
        return cut; /* what was meant to follow is used again */
    }
    x->b_length = (int32_t)(w->sentence[last] - w->sentence[cut]);
    x->next = 0;
    return last;
}

/* The instances of one document. */
static eqb_status from_document(eqbi_deal *e, const eqbi_window *w, size_t document, range r,
                                const eqb_pretrain_options *o, dice *d, eqb_error *err)
{
    size_t end = w->document[document + 1], first = w->document[document];
    plan p = draw_plan(o, d);
    for (size_t last = first + 1; last <= end; last++) {
        size_t length = w->sentence[last] - w->sentence[first];
        if (last < end && length < p.target && !p.single) continue;
        eqbi_instance x;
        last = first = make(&x, w, document, r, first, last, p, d);
        truncate_pair(&x, (size_t)o->max_tokens - 3, d);
        EQBI_TRY(add(e, &x, err));
        p = draw_plan(o, d);
    }
    return EQB_OK;
}

static int32_t tokens_of(const eqbi_instance *x)
{
    return x->a_length + x->b_length + 2 + (x->next >= 0);
}

/* Shuffles, then cuts into micro-batches of about batch_tokens. */
static eqb_status cut(eqbi_deal *e, const eqb_pretrain_options *o, dice *d, eqb_error *err)
{
    for (size_t i = e->count; i > 1; i--) {
        size_t k = between(d, 0, i - 1);
        eqbi_instance t = e->instance[i - 1];
        e->instance[i - 1] = e->instance[k];
        e->instance[k] = t;
    }
    e->batches = 0;
    for (size_t i = 0; i < e->count;) {
        if (!eqbi_grow(e->allocator, (void **)&e->batch, &e->batch_capacity, e->batches + 2,
                       sizeof *e->batch))
            return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the batches of a window");
        e->batch[e->batches++] = i;
        int32_t tokens = tokens_of(&e->instance[i++]);
        while (i < e->count && tokens + tokens_of(&e->instance[i]) <= o->batch_tokens)
            tokens += tokens_of(&e->instance[i++]);
        e->batch[e->batches] = i;
    }
    return EQB_OK;
}

eqb_status eqbi_deal_make(eqbi_deal *e, const eqbi_window *w, const eqb_pretrain_options *o,
                          uint64_t number, eqb_error *err)
{
    dice d = {.seed = o->run.seed, .number = eqbi_mix64(number + 1)};
    range r = {0, 0};
    e->count = 0;
    for (size_t i = 0; i < w->documents; i++) {
        if (i == 0 || w->file[i] != w->file[i - 1]) r = others(w, i);
        EQBI_TRY(from_document(e, w, i, r, o, &d, err));
    }
    return cut(e, o, &d, err);
}

void eqbi_deal_free(eqbi_deal *e)
{
    eqbi_free(e->allocator, e->instance, e->capacity, sizeof *e->instance);
    eqbi_free(e->allocator, e->batch, e->batch_capacity, sizeof *e->batch);
}
