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

static eqb_status add(eqbi_epoch *e, const eqbi_instance *x, eqb_error *err)
{
    if (!eqbi_grow(e->allocator, (void **)&e->instance, &e->capacity, e->count + 1,
                   sizeof *e->instance))
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the sentence pairs of an epoch");
    e->instance[e->count++] = *x;
    return EQB_OK;
}

/* Sentences of another document, at least most tokens if the document has them. */
static void random_next(const eqb_corpus *c, size_t document, size_t most, eqbi_instance *x,
                        dice *d)
{
    size_t other = document;
    while (other == document) other = between(d, 0, c->documents - 1);
    size_t end = c->document[other + 1];
    size_t from = between(d, c->document[other], end - 1), to = from;
    while (to < end && c->sentence[to] - c->sentence[from] < most) to++;
    x->b = c->sentence[from];
    x->b_length = (int32_t)(c->sentence[to] - c->sentence[from]);
    x->random = true;
}

/* The instances of one document. */
static eqb_status from_document(eqbi_epoch *e, const eqb_corpus *c, size_t document,
                                const eqb_pretrain_options *o, dice *d, eqb_error *err)
{
    size_t most = (size_t)o->max_tokens - 3, target = most;
    if (real(d) < o->short_sequences) target = between(d, 2, most);
    size_t end = c->document[document + 1], first = c->document[document];
    for (size_t i = first; i < end; i++) {
        size_t length = c->sentence[i + 1] - c->sentence[first];
        if (i + 1 < end && length < target) continue;
        size_t sentences = i + 1 - first, cut = first + 1;
        if (sentences >= 2) cut = first + between(d, 1, sentences - 1);
        eqbi_instance x = {.a = c->sentence[first],
                           .a_length = (int32_t)(c->sentence[cut] - c->sentence[first])};
        if (sentences == 1 || real(d) < 0.5) {
            size_t left = target > (size_t)x.a_length ? target - (size_t)x.a_length : 1;
            random_next(c, document, left, &x, d);
            i = cut - 1; /* what was meant to follow is used again */
        } else {
            x.b = c->sentence[cut];
            x.b_length = (int32_t)(c->sentence[i + 1] - c->sentence[cut]);
        }
        truncate_pair(&x, most, d);
        EQBI_TRY(add(e, &x, err));
        first = i + 1;
        if (real(d) < o->short_sequences)
            target = between(d, 2, most);
        else
            target = most;
    }
    return EQB_OK;
}

static int32_t tokens_of(const eqbi_instance *x)
{
    return x->a_length + x->b_length + 3;
}

/* Shuffles, then cuts into micro-batches of about batch_tokens. */
static eqb_status cut(eqbi_epoch *e, const eqb_pretrain_options *o, dice *d, eqb_error *err)
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
            return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the batches of an epoch");
        e->batch[e->batches++] = i;
        int32_t tokens = tokens_of(&e->instance[i++]);
        while (i < e->count && tokens + tokens_of(&e->instance[i]) <= o->batch_tokens)
            tokens += tokens_of(&e->instance[i++]);
        e->batch[e->batches] = i;
    }
    return EQB_OK;
}

eqb_status eqbi_epoch_make(eqbi_epoch *e, const eqb_corpus *c, const eqb_pretrain_options *o,
                           uint64_t number, eqb_error *err)
{
    dice d = {.seed = o->run.seed, .number = eqbi_mix64(number + 1)};
    e->count = 0;
    for (size_t i = 0; i < c->documents; i++) EQBI_TRY(from_document(e, c, i, o, &d, err));
    return cut(e, o, &d, err);
}

void eqbi_epoch_free(eqbi_epoch *e)
{
    eqbi_free(e->allocator, e->instance, e->capacity, sizeof *e->instance);
    eqbi_free(e->allocator, e->batch, e->batch_capacity, sizeof *e->batch);
}
