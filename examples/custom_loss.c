/* Training with a loss of one's own: the squared Hellinger distance between the predictions for a
 * man and for a woman, 1 - sum of sqrt(p q). The ops it is made of bring the gradient with them.
 *
 *     custom_loss [MODEL_DIR [PAIRS.jsonl]]
 *
 * First eqb_train adds it to its own losses, then a loop by hand has no other. Nothing is saved.
 * Exit codes are eqb_status numbers: 0 done, 2 bad data, 3 bad model, ...                        */
#include "trainer/equibert_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* [1, 1]: mean over pairs of rows of logits [M, V]. After a failure in the graph, ops return NULL
 * and take NULL, so nothing is checked in between.                                               */
static eqb_tensor *hellinger(eqb_graph *g, eqb_tensor *logits, const int32_t *male,
                             const int32_t *female, int32_t count)
{
    eqb_tensor *p = eqb_log_softmax(g, eqb_gather_rows(g, logits, male, count));
    eqb_tensor *q = eqb_log_softmax(g, eqb_gather_rows(g, logits, female, count));
    eqb_tensor *root = eqb_exp(g, eqb_scale(g, eqb_add(g, p, q), 0.5f)); /* sqrt(p q) */
    return eqb_sub(g, eqb_constant(g, 1, 1, (float[]){1.0f}), eqb_mean(g, eqb_row_sum(g, root)));
}

/* Added to the losses of eqb_train. It looks at words only, not at next sentences. */
static eqb_tensor *my_loss(void *user, eqb_graph *g, eqb_tensor *logits,
                           const eqb_pair_rows *pairs, int32_t count, eqb_tensor *nsp,
                           const eqb_pair_rows *next_pairs, int32_t next_count)
{
    (void)nsp, (void)next_pairs, (void)next_count;
    if (count == 0) return eqb_constant(g, 1, 1, (float[]){0.0f});
    int32_t *row = malloc(2 * (size_t)count * sizeof *row); /* the male ones, then the female */
    if (!row) return NULL;                                  /* ends the run */
    for (int32_t i = 0; i < count; i++) {
        row[i] = pairs[i].male;
        row[count + i] = pairs[i].female;
    }
    eqb_tensor *loss = hellinger(g, logits, row, row + count, count);
    free(row); /* the graph has a copy */
    return eqb_scale(g, loss, *(const float *)user);
}

static eqb_status train(eqb_model *model, const char *path, eqb_error *err)
{
    float weight = 2.0f;
    eqb_evaluation before, after;
    eqb_train_options options;
    eqb_train_options_default(&options);
    options.run.steps = 20;
    options.weight_pair = 0.0; /* ours takes its place */
    options.custom_loss = my_loss;
    options.custom_user = &weight;
    eqb_pairs *pairs;
    eqb_status status = eqb_pairs_load(&pairs, path, eqb_model_tokenizer(model),
                                       eqb_model_config(model)->max_positions, NULL, err);
    if (status == EQB_OK) status = eqb_train(model, pairs, &options, &before, &after, err);
    if (status == EQB_OK) printf("eqb_train: gap %.4f -> %.4f\n", before.gap, after.gap);
    eqb_pairs_free(pairs);
    return status;
}

/* Ten steps on one batch, whose rows mask[0] and mask[1] shall agree. */
static eqb_status loop(eqb_model *model, eqb_graph *g, eqb_optimizer *optimizer,
                       const eqb_batch *batch, const int32_t mask[2], eqb_error *err)
{
    eqb_status status = EQB_OK;
    for (uint64_t step = 0; status == EQB_OK && step < 10; step++) {
        eqb_graph_begin(g, EQB_MODE_RECORD, 0, step); /* no dropout */
        eqb_tensor *hidden = eqb_bert_encoder(g, model, batch);
        eqb_tensor *logits = eqb_bert_mlm(g, model, hidden, mask, 2);
        eqb_tensor *loss = hellinger(g, logits, (int32_t[]){0}, (int32_t[]){1}, 1);
        if (loss) printf("by hand, step %d: %.6f\n", (int)step, (double)eqb_data(loss)[0]);
        status = eqb_graph_backward(g, loss, 1.0f, err); /* tells of earlier failures, too */
        if (status == EQB_OK) status = eqb_optimizer_step(optimizer, 1e-4, NULL, err);
    }
    return status;
}

static eqb_status train_by_hand(eqb_model *model, eqb_error *err)
{
    const char *const text[2] = {"He is a [MASK].", "She is a [MASK]."};
    const eqb_tokenizer *t = eqb_model_tokenizer(model);
    int32_t ids[64], start[3] = {0}, mask[2] = {0};
    eqb_encoding e = {0};
    eqb_status status = eqb_model_gradients(model, err);
    for (int i = 0; status == EQB_OK && i < 2; i++) {
        status = eqb_encode(t, text[i], strlen(text[i]), NULL, 0, 32, &e, err);
        for (int32_t k = 0; status == EQB_OK && k < e.count; k++) {
            if (e.ids[k] == eqb_tokenizer_special(t).mask) mask[i] = start[i] + k;
            ids[start[i] + k] = e.ids[k];
        }
        start[i + 1] = start[i] + e.count;
    }
    eqb_encoding_free(&e);
    eqb_graph *g = NULL;
    eqb_optimizer *optimizer = NULL;
    eqb_optimizer_options options;
    eqb_optimizer_options_default(&options);
    if (status == EQB_OK) status = eqb_graph_new(&g, NULL, err);
    if (status == EQB_OK) status = eqb_optimizer_new(&optimizer, model, &options, err);
    if (status == EQB_OK)
        status = loop(model, g, optimizer, &(eqb_batch){2, start, ids, NULL}, mask, err);
    eqb_optimizer_free(optimizer);
    eqb_graph_free(g);
    return status;
}

int main(int argc, char **argv)
{
    eqb_error err = {.message = "the model has no vocabulary"};
    eqb_model *model;
    eqb_status status = eqb_model_load(&model, argc > 1 ? argv[1] : "weights/mini", NULL, &err);
    if (status == EQB_OK && !eqb_model_tokenizer(model)) status = EQB_ERR_MODEL;
    if (status == EQB_OK) status = train(model, argc > 2 ? argv[2] : "pairs.jsonl", &err);
    if (status == EQB_OK) status = train_by_hand(model, &err);
    if (status != EQB_OK) fprintf(stderr, "custom_loss: %s\n", err.message);
    eqb_model_free(model);
    return (int)status;
}
