/* The terms of the loss; see pair_terms.h. A mean is over the whole step: each term is a sum over the
 * micro-batch, times its weight, over the step's denominator.                                     */
#include "trainer/pair_terms.h"

/* weight / denominator as the factor of a loss. */
static float factor(double weight, double denominator)
{
    return denominator > 0.0 ? (float)(weight / denominator) : 0.0f;
}

/* A term of this sum, its share of the denominator, and its weight in the total. */
static void add(eqbi_totals *totals, eqbi_sum *term, double sum, double share, double weight,
                double denominator)
{
    term->sum += sum;
    term->weight += share;
    if (denominator > 0.0) totals->loss += weight * sum / denominator; /* else all weigh 0 */
}

bool eqbi_decides_next(const eqb_model *model)
{
    const unsigned needed = EQB_PART_NSP | EQB_PART_POOLER;
    return (model->parts & needed) == needed;
}

eqbi_heads eqbi_pair_forward(graph *g, eqb_model *model, const eqbi_pair_batch *b)
{
    eqbi_heads h = {0};
    bool next = b->next_pairs > 0 || b->next_keeps > 0;
    for (int32_t i = 0; i < b->batch.sequences; i++) next = next || b->next_label[i] >= 0;
    next = next && eqbi_decides_next(model);
    eqb_bert_heads(g, model, &b->batch, b->row, b->rows, &h.mlm, next ? &h.nsp : NULL);
    return h;
}

void eqbi_label_terms(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                      const eqbi_pair_batch *b, eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    if (h->mlm && t->mlm > 0.0) {
        double sum = eqb_loss_mlm(g, h->mlm, b->label, b->weight, o->label_loss,
                                  factor(o->weight_mlm, t->mlm));
        add(totals, &totals->mlm, sum, b->mlm_weight, o->weight_mlm, t->mlm);
    }
    if (h->nsp && t->next > 0.0) {
        double sum = eqb_loss_nsp(g, h->nsp, b->next_label, b->next_weight,
                                  factor(o->weight_nsp, t->next));
        add(totals, &totals->nsp, sum, b->next_weight_sum, o->weight_nsp, t->next);
    }
}

/* ---------------------------------------------------------------------------------- agreement -- */

static void custom_term(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                        const eqbi_pair_batch *b, eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    tensor *loss = o->custom_loss(o->custom_user, g, h->mlm, b->pair, b->pairs, h->nsp,
                                  b->next_pair, b->next_pairs);
    if (!loss) {
        eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "the custom loss returned NULL");
        return;
    }
    float beta, *d = eqbi_grad(g, loss, &beta);
    if (d) d[0] = (beta != 0.0f ? d[0] : 0.0f) + 1.0f / (float)o->run.accumulate;
    totals->loss += (double)loss->x[0] / o->run.accumulate;
}

void eqbi_agreement_terms(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                          const eqbi_pair_batch *b, eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    const eqb_pairs *p = t->pairs;
    const int32_t *const support[] = {NULL, p->neutral_ids, p->profession_ids};
    const int32_t count[] = {0, p->neutral_count, p->profession_count};
    if (h->mlm && b->pairs > 0) {
        double sum = eqb_loss_pair(g, h->mlm, b->pair, b->pairs, o->pair_loss, support[o->support],
                                   count[o->support], factor(o->weight_pair, t->pair));
        add(totals, &totals->pair, sum, b->pair_weight, o->weight_pair, t->pair);
    }
    if (h->nsp && b->next_pairs > 0) {
        double sum = eqb_loss_pair(g, h->nsp, b->next_pair, b->next_pairs, o->next_pair_loss, NULL,
                                   0, factor(o->weight_next_pair, t->next_pair));
        add(totals, &totals->next_pair, sum, b->next_pair_weight, o->weight_next_pair,
            t->next_pair);
    }
    /* Of two centred columns, c = (d, -d) / 2, where d is by how much the log-odds differ. */
    for (int32_t i = 0; h->mlm && i < b->odds; i++) {
        const eqbi_odds *odd = &b->odd[i];
        double sum = eqb_loss_pair(g, h->mlm, &odd->rows, 1, EQB_PAIR_CENTRED_MSE, odd->words, 2,
                                   factor(4.0 * o->weight_odds, t->odds));
        add(totals, &totals->odds, 4.0 * sum, (double)odd->rows.weight, o->weight_odds, t->odds);
    }
    if (o->custom_loss) custom_term(t, g, h, b, totals);
}

/* --------------------------------------------------------------------------- the original -- */

/* At slots of pairs only the words that are gendered by definition are kept, among themselves: "man"
 * as against "woman" is no matter of bias. The others have to agree.                              */
static void keep_words(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                       const eqbi_pair_batch *b, const eqbi_reference *r, eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    const eqb_pairs *p = t->pairs;
    int32_t gendered = p->vocab_size - p->neutral_count;
    if (r->keep) {
        double sum = eqb_loss_keep(g, eqb_gather_rows(g, h->mlm, b->keep, b->keeps), r->keep,
                                   b->keep_row_weight, NULL, 0, factor(o->weight_keep, t->keep));
        add(totals, &totals->keep, sum, b->keep_weight, o->weight_keep, t->keep);
    }
    if (r->slot && gendered > 0) {
        double sum = eqb_loss_keep(g, eqb_gather_rows(g, h->mlm, b->slot_row, b->slot_rows), r->slot,
                                   b->slot_row_weight, p->gendered_ids, gendered,
                                   factor(o->weight_pair_keep, t->slot));
        add(totals, &totals->keep_gendered, sum, b->slot_weight, o->weight_pair_keep, t->slot);
    }
}

/* Next-sentence decisions: those of control sentences stay, those of pairs go to the mean of the
 * original's two. */
static void keep_next(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                      const eqbi_pair_batch *b, const eqbi_reference *r, eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    if (r->next_keep) {
        double sum = eqb_loss_keep(g, eqb_gather_rows(g, h->nsp, b->next_keep, b->next_keeps),
                                   r->next_keep, b->next_keep_weight, NULL, 0,
                                   factor(o->weight_keep, t->next_keep));
        add(totals, &totals->next_keep, sum, b->next_keep_weight_sum, o->weight_keep, t->next_keep);
    }
    if (r->next_pair) {
        double sum = eqb_loss_midpoint(g, h->nsp, r->next_pair, b->next_pair, b->next_pairs,
                                       factor(o->weight_pair_keep, t->next_pair));
        add(totals, &totals->next_midpoint, sum, b->next_pair_weight, o->weight_pair_keep,
            t->next_pair);
    }
}

void eqbi_keep_terms(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                     const eqbi_pair_batch *b, eqbi_totals *totals)
{
    bool keep = t->options->weight_keep > 0.0, pairs = t->options->weight_pair_keep > 0.0;
    eqbi_reference r;
    if (!t->original || !(keep || pairs)) return;
    if (!eqbi_refer(&r, t->teacher, t->original, b, keep, pairs)) {
        eqbi_graph_fail(g, t->teacher->err.status, "%s", t->teacher->err.message);
        return;
    }
    if (h->mlm) keep_words(t, g, h, b, &r, totals);
    if (h->nsp) keep_next(t, g, h, b, &r, totals);
}
