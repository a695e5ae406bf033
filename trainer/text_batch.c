/* Packing and masking of one micro-batch of pretraining. Each sequence has max(1, round(mask * length))
 * tokens predicted (Google's rule); every draw is a function of (seed, epoch, instance).            */
#include "autograd/random.h"
#include "base/fault.h"
#include "trainer/corpus.h"

#include <math.h>
#include <string.h>

/* Places the arrays for so many sequences and tokens in one block. */
static eqb_status reserve(eqbi_text_batch *b, size_t sequences, size_t tokens, eqb_error *err)
{
    size_t need = 2 * (sequences + 1) + 4 * tokens;
    if (need > b->capacity) {
        eqbi_free(b->allocator, b->memory, b->capacity, sizeof *b->memory);
        b->capacity = 0;
        b->memory = eqbi_alloc(b->allocator, need, sizeof *b->memory);
        if (!b->memory)
            return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a batch of %zu tokens", tokens);
        b->capacity = need;
    }
    b->start = b->memory;
    b->next = b->start + sequences + 1;
    b->ids = b->next + sequences + 1;
    b->types = b->ids + tokens;
    b->row = b->types + tokens;
    b->label = b->row + tokens;
    return EQB_OK;
}

void eqbi_text_batch_free(eqbi_text_batch *b)
{
    eqbi_free(b->allocator, b->memory, b->capacity, sizeof *b->memory);
    b->memory = NULL;
    b->capacity = 0;
}

static void put_sequence(eqbi_text_batch *b, const eqb_corpus *c, const eqbi_window *w,
                         const eqbi_instance *x, int32_t at)
{
    int32_t *ids = b->ids + at, *types = b->types + at, n = 0;
    ids[n++] = c->special.cls;
    memcpy(ids + n, w->token + x->a, (size_t)x->a_length * sizeof *ids);
    n += x->a_length;
    ids[n++] = c->special.sep;
    for (int32_t i = 0; i < n; i++) types[i] = 0;
    if (x->next < 0) return;
    int32_t first = n;
    memcpy(ids + n, w->token + x->b, (size_t)x->b_length * sizeof *ids);
    n += x->b_length;
    ids[n++] = c->special.sep;
    for (int32_t i = first; i < n; i++) types[i] = 1;
}

/* Draws of one sequence in a fixed order. */
typedef struct dice {
    uint64_t seed, stream, count;
} dice;

static uint32_t below(dice *d, uint32_t bound)
{
    return eqbi_random_below(bound, d->seed, d->stream, d->count++);
}

/* Masks the token at row; ids hold the input, the label is what stood there. */
static void mask_token(eqbi_text_batch *b, const eqb_corpus *c, int32_t row, dice *d)
{
    b->row[b->rows] = row;
    b->label[b->rows++] = b->ids[row];
    uint32_t kind = below(d, 10);
    uint32_t random = below(d, (uint32_t)c->vocab_size);
    if (kind < 8) b->ids[row] = c->special.mask;
    if (kind == 8) b->ids[row] = (int32_t)random;
}

/* Chooses and masks tokens of the sequence [from, to). Candidates are tokens, or with whole_words the
 * first tokens of words, tried in random order; a word that would overflow the number is passed over. */
static void mask_sequence(eqbi_text_batch *b, const eqb_corpus *c, int32_t from, int32_t to,
                          const eqb_pretrain_options *o, int32_t *candidate, dice *d)
{
    int32_t candidates = 0, masked = 0;
    bool word = false; /* the token before i may begin the word that i continues */
    int32_t wanted = (int32_t)lround(o->mask * (double)(to - from));
    if (wanted < 1) wanted = 1;
    for (int32_t i = from; i < to; i++) {
        int32_t id = b->ids[i];
        bool special = id == c->special.cls || id == c->special.sep, inside = word;
        word = !special;
        if (special || (o->whole_words && c->continues[id] && inside)) continue;
        candidate[candidates++] = i;
    }
    for (int32_t left = candidates; left > 0 && masked < wanted; left--) {
        uint32_t k = below(d, (uint32_t)left);
        int32_t i = candidate[k], end = i + 1;
        candidate[k] = candidate[left - 1];
        while (o->whole_words && end < to && c->continues[b->ids[end]]) end++;
        if (masked > 0 && masked + end - i > wanted) continue;
        masked += end - i;
        for (int32_t row = end - 1; row >= i; row--) mask_token(b, c, row, d);
    }
}

eqb_status eqbi_text_batch_make(eqbi_text_batch *b, const eqb_corpus *c, const eqbi_window *w,
                                const eqbi_deal *e, size_t index, const eqb_pretrain_options *o,
                                uint64_t number, eqb_error *err)
{
    size_t first = e->batch[index], last = e->batch[index + 1], tokens = 0;
    for (size_t i = first; i < last; i++)
        tokens += (size_t)(e->instance[i].a_length + e->instance[i].b_length + 3);
    /* The label array, the last one, has room behind it for the candidates of one sequence. */
    EQBI_TRY(reserve(b, last - first, tokens + (size_t)o->max_tokens, err));
    int32_t *candidate = b->label + tokens;
    int32_t at = 0;
    b->rows = b->pairs = 0;
    for (size_t i = first; i < last; i++) {
        const eqbi_instance *x = &e->instance[i];
        int32_t length = x->a_length + x->b_length + 2 + (x->next >= 0);
        b->start[i - first] = at;
        b->next[i - first] = x->next;
        b->pairs += x->next >= 0;
        put_sequence(b, c, w, x, at);
        dice d = {.seed = o->run.seed, .stream = eqbi_mix64(~number) + i};
        mask_sequence(b, c, at, at + length, o, candidate, &d);
        at += length;
    }
    b->start[last - first] = at;
    b->batch = (eqb_batch){(int32_t)(last - first), b->start, b->ids, b->types};
    return EQB_OK;
}
