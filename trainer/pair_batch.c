/* Examples -> a packed batch; see pair_batch.h. First every example's draws are made (plan), which
 * gives the sizes; then the arrays are taken from the arena and filled in one walk. */
#include "trainer/pair_batch.h"

#include "autograd/random.h"

#include <string.h>

enum { DRAW_FALSE, DRAW_DONOR, DRAW_SLOTS, DRAW_EXCHANGE, DRAWS };
/* A masked share of running text as in BERT's own training; of control sentences twice of it, because
 * each place that is compared with the original holds the language a little.                      */
static const double MASKED_SHARE = 0.15, MASKED_SHARE_OF_KEEP = 0.3;
/* Of the words that a control sentence still shows, a fifth is exchanged for any of the vocabulary.
 * The original has an opinion on every input, and most words stand in no line.                    */
static const double EXCHANGED_SHARE = 0.2;

/* An example and what was drawn for it. */
typedef struct plan {
    const eqbi_example *example;
    const eqbi_example *donor; /* of a false or borrowed continuation; NULL: its own */
    uint64_t slots_key, exchange_key;
    bool exchange; /* shown words */
    bool odds; /* two sentences of the other direction come with it */
} plan;

typedef struct builder {
    eqbi_pair_batch *out;
    const eqb_pairs *pairs;
    plan *plan;                  /* [count] */
    int32_t *start, *ids, *types; /* out->batch's, as it is written */
    bool *chosen;                /* [most slots] masked in this batch            */
    uint32_t *order;             /* [most slots]                                 */
    int32_t *first[2];           /* [most slots] M row of a slot's first piece, per side */
} builder;

/* ------------------------------------------------------------------------------------- draws -- */

/* The seed of one kind of draw for an example. */
static uint64_t draw_key(const eqbi_draw *draw, int64_t example, int purpose)
{
    uint64_t index = (uint64_t)example * DRAWS + (uint64_t)purpose;
    return draw->evaluate ? eqbi_random(0, 0, index) : eqbi_random(draw->seed, draw->step, index);
}

/* Another line whose continuation stands in for this one's: same language, same split, other
 * text. */
static const eqbi_example *find_donor(const eqb_pairs *p, const eqbi_example *e, uint64_t key)
{
    const int64_t *line = p->next_example + p->next_start[e->next_group];
    int64_t count = p->next_start[e->next_group + 1] - p->next_start[e->next_group];
    if (count == 0) return NULL;
    int64_t at = (int64_t)(eqbi_random(key, 0, 0) % (uint64_t)count);
    for (int64_t tried = 0; tried < count; tried++, at = at + 1 < count ? at + 1 : 0) {
        const eqbi_example *other = &p->example[line[at]];
        if (!e->text.next_male || strcmp(other->text.next_male, e->text.next_male) != 0)
            return other;
    }
    return NULL;
}

static plan make_plan(const eqb_pairs *p, int64_t index, const eqbi_draw *draw)
{
    const eqbi_example *e = &p->example[index];
    plan made = {.example = e,
                 .slots_key = draw_key(draw, index, DRAW_SLOTS),
                 .exchange_key = draw_key(draw, index, DRAW_EXCHANGE),
                 .exchange = e->kind == EQBI_KEEP && !draw->evaluate,
                 .odds = draw->odds && e->genders > 0};
    double share = e->is_next == 1                            ? draw->false_next
                   : e->is_next < 0 && e->kind == EQBI_PAIR ? draw->borrow_next
                                                              : 0.0;
    if (!draw->evaluate && eqbi_random_real(draw_key(draw, index, DRAW_FALSE), 0, 0) < share)
        made.donor = find_donor(p, e, draw_key(draw, index, DRAW_DONOR));
    return made;
}

static bool has_next(const plan *p)
{
    return p->donor || p->example->is_next >= 0;
}

/* Whether slot k is in the batch at all: an exchanged continuation takes its slots with it. */
static bool stands(const plan *p, int32_t k)
{
    return !(p->donor && p->example->male.slot[k].segment == 1);
}

/* Sets b->chosen: marked slots all; else the professions, or as many candidates as make the
 * share. */
static void choose_slots(builder *b, const plan *p)
{
    const eqbi_example *e = p->example;
    int32_t certain = e->marked ? e->slots : e->professions, tokens = 0;
    bool any = e->marked;
    for (int32_t k = 0; k < e->slots; k++) {
        b->chosen[k] = k < certain && stands(p, k);
        any = any || b->chosen[k];
        if (stands(p, k)) tokens += e->male.slot[k].count;
    }
    if (any) return;
    double share = e->kind == EQBI_KEEP ? MASKED_SHARE_OF_KEEP : MASKED_SHARE;
    int32_t wanted = (int32_t)(share * tokens + 0.5);
    if (wanted < 1) wanted = 1;
    eqbi_random_permutation(b->order, (uint32_t)e->slots, p->slots_key, 0);
    for (int32_t i = 0; i < e->slots && wanted > 0; i++) {
        int32_t k = (int32_t)b->order[i];
        if (!stands(p, k)) continue;
        b->chosen[k] = true;
        wanted -= e->male.slot[k].count;
    }
}

/* ------------------------------------------------------------------------------------- sizes -- */

static const eqbi_side *side_of(const eqbi_example *e, int side)
{
    return side == 1 ? &e->female : &e->male;
}

/* The second segment of one version; a false one that is too long loses its end. */
static const int32_t *continuation(const eqb_pairs *p, const plan *plan_, int side, int32_t *count)
{
    const eqbi_side *own = side_of(plan_->example, side);
    const eqbi_side *s = plan_->donor ? side_of(plan_->donor, side) : own;
    int32_t room = p->max_tokens - own->count[0] - 3;
    *count = s->count[1] < room ? s->count[1] : room;
    return s->ids[1];
}

static int32_t sequence_tokens(const eqb_pairs *p, const plan *plan_, int side)
{
    int32_t second = 0, first = side_of(plan_->example, side)->count[0];
    if (has_next(plan_)) continuation(p, plan_, side, &second);
    return first + 2 + (has_next(plan_) ? second + 1 : 0);
}

static int sides(const eqbi_example *e)
{
    return e->kind == EQBI_KEEP ? 1 : 2;
}

/* What a batch can hold at most. */
typedef struct sizes {
    size_t tokens, sequences, slots, next_pairs, odds;
} sizes;

static bool take_arrays(builder *b, const sizes *n)
{
    eqbi_pair_batch *o = b->out;
    eqbi_arena *m = &o->memory;
    /* Every token masked is the most there can be; a pair takes a row of either version. */
    return (b->start = eqbi_arena_alloc(m, n->sequences + 1, sizeof *b->start)) &&
           (b->ids = eqbi_arena_alloc(m, n->tokens, sizeof *b->ids)) &&
           (b->types = eqbi_arena_alloc(m, n->tokens, sizeof *b->types)) &&
           (b->chosen = eqbi_arena_alloc(m, n->slots, sizeof *b->chosen)) &&
           (b->order = eqbi_arena_alloc(m, n->slots, sizeof *b->order)) &&
           (b->first[0] = eqbi_arena_alloc(m, n->slots, sizeof *b->first[0])) &&
           (b->first[1] = eqbi_arena_alloc(m, n->slots, sizeof *b->first[1])) &&
           (o->row = eqbi_arena_alloc(m, n->tokens, sizeof *o->row)) &&
           (o->label = eqbi_arena_alloc(m, n->tokens, sizeof *o->label)) &&
           (o->weight = eqbi_arena_alloc(m, n->tokens, sizeof *o->weight)) &&
           (o->side = eqbi_arena_alloc(m, n->tokens, sizeof *o->side)) &&
           (o->example = eqbi_arena_alloc(m, n->tokens, sizeof *o->example)) &&
           (o->slot = eqbi_arena_alloc(m, n->tokens, sizeof *o->slot)) &&
           (o->pair = eqbi_arena_alloc(m, n->tokens / 2, sizeof *o->pair)) &&
           (o->next_label = eqbi_arena_alloc(m, n->sequences, sizeof *o->next_label)) &&
           (o->next_weight = eqbi_arena_alloc(m, n->sequences, sizeof *o->next_weight)) &&
           (o->next_pair = eqbi_arena_alloc(m, n->next_pairs, sizeof *o->next_pair)) &&
           (o->next_keep = eqbi_arena_alloc(m, n->sequences, sizeof *o->next_keep)) &&
           (o->next_keep_weight =
                eqbi_arena_alloc(m, n->sequences, sizeof *o->next_keep_weight)) &&
           (o->odd = eqbi_arena_alloc(m, n->odds, sizeof *o->odd)) &&
           (o->slot_row = eqbi_arena_alloc(m, n->tokens, sizeof *o->slot_row)) &&
           (o->slot_row_weight = eqbi_arena_alloc(m, n->tokens, sizeof *o->slot_row_weight)) &&
           (o->keep = eqbi_arena_alloc(m, n->tokens, sizeof *o->keep)) &&
           (o->keep_row_weight = eqbi_arena_alloc(m, n->tokens, sizeof *o->keep_row_weight));
}

/* Plans the examples and takes all memory.   errors  NOMEM, ARGUMENT */
static eqb_status open_batch(builder *b, const int64_t *index, int32_t count,
                             const eqbi_draw *draw, eqb_error *err)
{
    eqbi_arena *m = &b->out->memory;
    sizes n = {0};
    if (!m->first) m->allocator = b->out->allocator;
    eqbi_arena_reset(m);
    b->plan = eqbi_arena_alloc(m, (size_t)count, sizeof *b->plan);
    for (int32_t i = 0; b->plan && i < count; i++) {
        const eqbi_example *e = &b->pairs->example[index[i]];
        b->plan[i] = make_plan(b->pairs, index[i], draw);
        for (int side = 0; side < sides(e); side++, n.sequences++)
            n.tokens += (size_t)sequence_tokens(b->pairs, &b->plan[i], side);
        if ((size_t)e->slots > n.slots) n.slots = (size_t)e->slots;
        n.next_pairs += e->kind == EQBI_PAIR && has_next(&b->plan[i]);
        if (!b->plan[i].odds) continue;
        n.tokens += 2 * ((size_t)e->male.count[0] + 2);
        n.sequences += 2;
        n.odds += (size_t)e->genders;
    }
    if (n.tokens > INT32_MAX)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "batch of %zu tokens, at most %d", n.tokens,
                         INT32_MAX);
    if (!b->plan || !take_arrays(b, &n))
        return eqbi_fail(err, EQB_ERR_NOMEM, "batch of %d lines: out of memory", count);
    return EQB_OK;
}

/* ----------------------------------------------------------------------------------- filling -- */

static void put(builder *b, int32_t *at, const int32_t *ids, int32_t count, int32_t type)
{
    memcpy(b->ids + *at, ids, (size_t)count * sizeof *ids);
    for (int32_t i = 0; i < count; i++) b->types[*at + i] = type;
    *at += count;
}

/* Masks the chosen slots of the sequence that begins at token begin and lists the rows. */
static void mask_slots(builder *b, const plan *p, int32_t example, int side, int32_t begin)
{
    eqbi_pair_batch *o = b->out;
    const eqbi_example *e = p->example;
    const eqbi_side *s = side_of(e, side);
    for (int32_t k = 0; k < e->slots; k++) {
        const eqbi_slot *slot = &s->slot[k];
        if (!b->chosen[k]) continue;
        b->first[side][k] = o->rows;
        int32_t at = begin + 1 + (slot->segment == 1 ? s->count[0] + 1 : 0) + slot->begin;
        for (int32_t i = 0; i < slot->count; i++, at++) {
            bool keep = e->kind == EQBI_KEEP, labelled = slot->labelled && !keep;
            int32_t row = o->rows++;
            o->row[row] = at;
            o->label[row] = labelled ? b->ids[at] : -1;
            o->weight[row] = e->weight;
            o->side[row] = keep ? 2 : side;
            o->example[row] = example;
            o->slot[row] = k;
            if (labelled) o->mlm_weight += (double)e->weight;
            if (e->kind == EQBI_PAIR) {
                o->slot_row[o->slot_rows] = row;
                o->slot_row_weight[o->slot_rows++] = e->weight;
                o->slot_weight += (double)e->weight;
            } else {
                o->keep[o->keeps] = row;
                o->keep_row_weight[o->keeps++] = e->weight;
                o->keep_weight += (double)e->weight;
            }
            b->ids[at] = b->pairs->special.mask;
        }
    }
}

/* Exchanges words of the segment [begin, end). */
static void exchange_words(builder *b, const plan *p, int32_t begin, int32_t end)
{
    uint32_t vocab = (uint32_t)b->pairs->vocab_size;
    for (int32_t i = begin; i < end; i++) {
        uint64_t stream = (uint64_t)(i - b->start[b->out->batch.sequences - 1]);
        if (b->ids[i] != b->pairs->special.mask &&
            eqbi_random_real(p->exchange_key, stream, 0) < EXCHANGED_SHARE)
            b->ids[i] = (int32_t)eqbi_random_below(vocab, p->exchange_key, stream, 1);
    }
}

/* Writes one version of a line as the next sequence. */
static void put_sequence(builder *b, const plan *p, int32_t example, int side)
{
    eqbi_pair_batch *o = b->out;
    const eqbi_example *e = p->example;
    const eqbi_side *s = side_of(e, side);
    int32_t sequence = o->batch.sequences++, at = b->start[sequence], second;
    bool told = e->is_next >= 0 && e->kind != EQBI_KEEP;
    put(b, &at, &b->pairs->special.cls, 1, 0);
    put(b, &at, s->ids[0], s->count[0], 0);
    put(b, &at, &b->pairs->special.sep, 1, 0);
    if (has_next(p)) {
        const int32_t *ids = continuation(b->pairs, p, side, &second);
        put(b, &at, ids, second, 1);
        put(b, &at, &b->pairs->special.sep, 1, 1);
    }
    mask_slots(b, p, example, side, b->start[sequence]);
    if (p->exchange) {
        int32_t first = b->start[sequence] + 1, end = first + s->count[0];
        exchange_words(b, p, first, end);
        exchange_words(b, p, end + 1, at - 1);
    }
    b->start[sequence + 1] = at;
    o->next_label[sequence] = !told ? -1 : p->donor || e->is_next == 0;
    o->next_weight[sequence] = told ? e->weight : 0.0f;
    if (told) o->next_weight_sum += (double)e->weight;
    if (e->kind == EQBI_PAIR || !has_next(p)) return;
    o->next_keep[o->next_keeps] = sequence;
    o->next_keep_weight[o->next_keeps++] = e->weight;
    o->next_keep_weight_sum += (double)e->weight;
}

/* Lists what shall agree in the two sequences just written. */
static void put_pairs(builder *b, const plan *p)
{
    eqbi_pair_batch *o = b->out;
    const eqbi_example *e = p->example;
    for (int32_t k = 0; k < e->slots; k++) {
        int32_t male = e->male.slot[k].count, female = e->female.slot[k].count;
        for (int32_t i = 0; b->chosen[k] && i < male && i < female; i++) {
            o->pair[o->pairs++] = (eqb_pair_rows){.male = b->first[0][k] + i,
                                                  .female = b->first[1][k] + i,
                                                  .equate = e->equate,
                                                  .equated = e->equated,
                                                  .weight = e->weight};
            o->pair_weight += (double)e->weight;
        }
    }
    if (!has_next(p)) return;
    int32_t last = o->batch.sequences - 1;
    o->next_pair[o->next_pairs++] =
        (eqb_pair_rows){.male = last - 1, .female = last, .weight = e->weight};
    o->next_pair_weight += (double)e->weight;
}

/* A line's first segment without its words of gender, once with and once without its professions. */
static void put_odds(builder *b, const plan *p, int32_t example)
{
    eqbi_pair_batch *o = b->out;
    const eqbi_example *e = p->example;
    int32_t first = o->rows;
    for (int hidden = 0; hidden < 2; hidden++) {
        int32_t sequence = o->batch.sequences++, begin = b->start[sequence] + 1;
        int32_t at = begin - 1, mask = b->pairs->special.mask;
        put(b, &at, &b->pairs->special.cls, 1, 0);
        put(b, &at, e->male.ids[0], e->male.count[0], 0);
        put(b, &at, &b->pairs->special.sep, 1, 0);
        b->start[sequence + 1] = at;
        o->next_label[sequence] = -1;
        o->next_weight[sequence] = 0.0f;
        int32_t slots = !hidden ? 0 : e->marked ? e->slots : e->professions;
        for (int32_t k = 0; k < slots; k++)
            for (int32_t i = 0; i < e->male.slot[k].count && e->male.slot[k].segment == 0; i++)
                b->ids[begin + e->male.slot[k].begin + i] = mask;
        for (int32_t i = 0; i < e->genders; i++) {
            int32_t row = o->rows++;
            o->row[row] = begin + e->gender[i].at;
            o->label[row] = -1;
            o->weight[row] = e->weight;
            o->side[row] = 3;
            o->example[row] = example;
            o->slot[row] = -1;
            b->ids[o->row[row]] = mask;
        }
    }
    for (int32_t i = 0; i < e->genders; i++) {
        o->odd[o->odds++] = (eqbi_odds){
            {.male = first + i, .female = first + e->genders + i, .weight = e->weight},
            {e->gender[i].male, e->gender[i].female}};
        o->odds_weight += (double)e->weight;
    }
}

eqb_status eqbi_pair_batch_make(eqbi_pair_batch *out, const eqb_pairs *pairs,
                                const int64_t *index, int32_t count, const eqbi_draw *draw,
                                eqb_error *err)
{
    *out = (eqbi_pair_batch){.allocator = out->allocator, .memory = out->memory};
    builder b = {.out = out, .pairs = pairs};
    EQBI_TRY(open_batch(&b, index, count, draw, err));
    b.start[0] = 0;
    for (int32_t i = 0; i < count; i++) {
        const plan *p = &b.plan[i];
        choose_slots(&b, p);
        for (int side = 0; side < sides(p->example); side++) put_sequence(&b, p, i, side);
        if (p->example->kind == EQBI_PAIR) put_pairs(&b, p);
        if (p->odds) put_odds(&b, p, i);
    }
    out->batch.start = b.start;
    out->batch.ids = b.ids;
    out->batch.types = b.types;
    return EQB_OK;
}

void eqbi_pair_batch_free(eqbi_pair_batch *batch)
{
    eqbi_arena_free(&batch->memory);
    *batch = (eqbi_pair_batch){.allocator = batch->allocator};
}
