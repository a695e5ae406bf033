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

/* [sequences], all false; NULL: no memory */
static bool *none_wanted(graph *g, const eqbi_pair_batch *b)
{
    eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
    bool *wanted = eqbi_scratch(g, (size_t)b->batch.sequences, sizeof *wanted);
    if (wanted) memset(wanted, 0, (size_t)b->batch.sequences * sizeof *wanted);
    return wanted;
}

const float *eqbi_reference_words(graph *g, eqb_model *model, const eqbi_pair_batch *b,
                                  const int32_t *m, int32_t count)
{
    bool *wanted = none_wanted(g, b);
    int32_t *sequence = eqbi_scratch(g, (size_t)count, sizeof *sequence);
    int32_t *row = eqbi_scratch(g, (size_t)count, sizeof *row);
    part p;
    if (!wanted || !sequence || !row) return NULL;
    /* Sequences follow each other in the rows, too. */
    for (int32_t s = 0, k = 0; k < count; k++) {
        while (b->row[m[k]] >= b->batch.start[s + 1]) s++;
        wanted[sequence[k] = s] = true;
    }
    if (!take_part(g, b, wanted, &p)) return NULL;
    for (int32_t k = 0; k < count; k++)
        row[k] = b->row[m[k]] - b->batch.start[sequence[k]] +
                 p.batch.start[p.place[sequence[k]]];
    tensor *logits;
    eqb_bert_heads(g, model, &p.batch, row, count, &logits, NULL);
    return logits ? logits->x : NULL;
}

const float *eqbi_reference_next(graph *g, eqb_model *model, const eqbi_pair_batch *b,
                                 const int32_t *sequence, int32_t count)
{
    bool *wanted = none_wanted(g, b);
    int32_t *row = eqbi_scratch(g, (size_t)count, sizeof *row);
    part p;
    if (!wanted || !row) return NULL;
    for (int32_t k = 0; k < count; k++) wanted[sequence[k]] = true;
    if (!take_part(g, b, wanted, &p)) return NULL;
    for (int32_t k = 0; k < count; k++) row[k] = p.place[sequence[k]];
    tensor *nsp;
    eqb_bert_heads(g, model, &p.batch, NULL, 0, NULL, &nsp);
    tensor *logits = eqb_gather_rows(g, nsp, row, count);
    return logits ? logits->x : NULL;
}
