/* What the frozen original says of a batch; see train.h. */
#include "trainer/train.h"

#include <string.h>

/* Some sequences of a batch as a batch of their own. */
typedef struct part {
    eqb_batch batch;
    int32_t *place; /* [sequences of the whole] number of a sequence in the part, -1: not in it */
} part;

static bool take_part(graph *g, const eqbi_pair_batch *b, const bool *wanted, part *out)
{
    int32_t whole = b->batch.sequences, sequences = 0, tokens = 0;
    int32_t *start = eqbi_scratch(g, (size_t)whole + 1, sizeof *start);
    int32_t *ids = eqbi_scratch(g, (size_t)b->batch.start[whole], sizeof *ids);
    int32_t *types = eqbi_scratch(g, (size_t)b->batch.start[whole], sizeof *types);
    out->place = eqbi_scratch(g, (size_t)whole, sizeof *out->place);
    if (!start || !ids || !types || !out->place) return false;
    for (int32_t s = 0; s < whole; s++) {
        int32_t from = b->batch.start[s], length = b->batch.start[s + 1] - from;
        out->place[s] = -1;
        if (!wanted[s]) continue;
        memcpy(ids + tokens, b->batch.ids + from, (size_t)length * sizeof *ids);
        memcpy(types + tokens, b->batch.types + from, (size_t)length * sizeof *types);
        out->place[s] = sequences;
        start[sequences++] = tokens;
        tokens += length;
    }
    start[sequences] = tokens;
    out->batch = (eqb_batch){sequences, start, ids, types};
    return true;
}

/* The masked rows [count] that are asked about, as indices into the M rows, ascending. */
typedef struct asked {
    int32_t *m, count;
} asked;

static void ask(asked *a, int32_t m)
{
    a->m[a->count++] = m;
}

static bool list_rows(graph *g, const eqbi_pair_batch *b, bool keep, bool pairs, asked *a)
{
    int32_t keeps = keep ? b->keeps : 0, slots = pairs ? b->slot_rows : 0, k = 0, s = 0;
    a->count = 0;
    if (!(a->m = eqbi_scratch(g, (size_t)keeps + (size_t)slots, sizeof *a->m))) return false;
    while (k < keeps || s < slots)
        if (s == slots || (k < keeps && b->keep[k] < b->slot_row[s]))
            ask(a, b->keep[k++]);
        else
            ask(a, b->slot_row[s++]);
    return true;
}

/* The sequences that hold the rows, and those whose decisions are asked about; how many of these. */
static int32_t mark_sequences(const eqbi_pair_batch *b, bool keep, bool pairs, const asked *a,
                              bool *wanted, int32_t *sequence)
{
    int32_t decisions = 0;
    memset(wanted, 0, (size_t)b->batch.sequences * sizeof *wanted);
    /* Sequences follow each other in the rows, too. */
    for (int32_t s = 0, k = 0; k < a->count; k++) {
        while (b->row[a->m[k]] >= b->batch.start[s + 1]) s++;
        wanted[sequence[k] = s] = true;
    }
    for (int32_t k = 0; keep && k < b->next_keeps; k++, decisions++)
        wanted[b->next_keep[k]] = true;
    for (int32_t k = 0; pairs && k < b->next_pairs; k++, decisions++)
        wanted[b->next_pair[k].male] = wanted[b->next_pair[k].female] = true;
    return decisions;
}

/* The logits of the M rows m [count], which are among those asked about. */
static const float *words_at(graph *g, tensor *mlm, const asked *a, const int32_t *m, int32_t count)
{
    int32_t *at = eqbi_scratch(g, (size_t)count, sizeof *at);
    for (int32_t k = 0, i = 0; at && k < count; at[k++] = i)
        while (a->m[i] != m[k]) i++;
    tensor *t = at ? eqb_gather_rows(g, mlm, at, count) : NULL;
    return t ? t->x : NULL;
}

static void decisions_at(eqbi_reference *out, graph *g, tensor *nsp, const eqbi_pair_batch *b,
                         const int32_t *place, bool keep, bool pairs)
{
    int32_t keeps = keep ? b->next_keeps : 0, both = pairs ? 2 * b->next_pairs : 0;
    int32_t *at = eqbi_scratch(g, (size_t)keeps + (size_t)both, sizeof *at);
    if (!at) return;
    for (int32_t k = 0; k < keeps; k++) at[k] = place[b->next_keep[k]];
    for (int32_t k = 0; k < both; k += 2) {
        at[keeps + k] = place[b->next_pair[k / 2].male];
        at[keeps + k + 1] = place[b->next_pair[k / 2].female];
    }
    tensor *t = eqb_gather_rows(g, nsp, at, keeps + both);
    if (t && keeps > 0) out->next_keep = t->x;
    if (t && both > 0) out->next_pair = t->x + 2 * (size_t)keeps;
}

bool eqbi_refer(eqbi_reference *out, graph *g, eqb_model *model, const eqbi_pair_batch *b, bool keep,
                bool pairs)
{
    *out = (eqbi_reference){0};
    eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
    asked a;
    bool *wanted = eqbi_scratch(g, (size_t)b->batch.sequences, sizeof *wanted);
    if (!wanted || !list_rows(g, b, keep, pairs, &a)) return false;
    int32_t *sequence = eqbi_scratch(g, (size_t)a.count, sizeof *sequence);
    int32_t *row = eqbi_scratch(g, (size_t)a.count, sizeof *row);
    part p;
    if (!sequence || !row) return false;
    int32_t decisions = mark_sequences(b, keep, pairs, &a, wanted, sequence);
    if (a.count == 0 && decisions == 0) return true;
    if (!take_part(g, b, wanted, &p)) return false;
    for (int32_t k = 0; k < a.count; k++)
        row[k] = b->row[a.m[k]] - b->batch.start[sequence[k]] + p.batch.start[p.place[sequence[k]]];
    tensor *mlm, *nsp = NULL;
    eqb_bert_heads(g, model, &p.batch, row, a.count, &mlm, decisions > 0 ? &nsp : NULL);
    if (mlm && keep && b->keeps > 0) out->keep = words_at(g, mlm, &a, b->keep, b->keeps);
    if (mlm && pairs && b->slot_rows > 0)
        out->slot = words_at(g, mlm, &a, b->slot_row, b->slot_rows);
    if (nsp) decisions_at(out, g, nsp, b, p.place, keep, pairs);
    return g->err.status == EQB_OK;
}
