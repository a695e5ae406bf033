/* The likeliest words for the [MASK] of a sentence.
 *
 *     fill_mask [MODEL_DIR [SENTENCE]]
 *
 * Exit codes are eqb_status numbers: 0 done, 1 no [MASK], 3 bad model, 4 input/output, ...       */
#include "engine/equibert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 5 };

/* Runs one sentence; logits: [1, V] at its first [MASK], valid until the session is used again. */
static eqb_status predict(eqb_session *session, const eqb_model *model, const char *text,
                          const float **logits, eqb_error *err)
{
    const eqb_tokenizer *tokenizer = eqb_model_tokenizer(model);
    eqb_encoding encoding = {0};
    eqb_status status = eqb_encode(tokenizer, text, strlen(text), NULL, 0,
                                   eqb_model_config(model)->max_positions, &encoding, err);
    int32_t mask = 0;
    if (status == EQB_OK) {
        while (mask < encoding.count && encoding.ids[mask] != eqb_tokenizer_special(tokenizer).mask)
            mask++;
        if (mask == encoding.count) {
            snprintf(err->message, sizeof err->message, "no [MASK] in \"%s\"", text);
            status = EQB_ERR_ARGUMENT;
        }
    }
    if (status == EQB_OK) {
        eqb_batch batch = {1, (int32_t[]){0, encoding.count}, encoding.ids, encoding.types};
        status = eqb_session_forward(session, &batch, err);
    }
    if (status == EQB_OK) status = eqb_session_mlm_logits(session, &mask, 1, logits, err);
    eqb_encoding_free(&encoding);
    return status;
}

/* Takes the best TOP times; p is used up. */
static void print_top(float *p, const eqb_tokenizer *tokenizer)
{
    for (int i = 0; i < TOP; i++) {
        int32_t best = 0;
        for (int32_t id = 1; id < eqb_tokenizer_size(tokenizer); id++)
            if (p[id] > p[best]) best = id;
        printf("%.4f  %s\n", (double)p[best], eqb_tokenizer_token(tokenizer, best));
        p[best] = -1.0f;
    }
}

static eqb_status run(const char *dir, const char *text, eqb_error *err)
{
    eqb_model *model = NULL;
    eqb_session *session = NULL;
    const float *logits;
    float *p = NULL;
    eqb_status status = eqb_model_load(&model, dir, NULL, err);
    if (status == EQB_OK &&
        !(eqb_model_tokenizer(model) && (eqb_model_parts(model) & EQB_PART_MLM))) {
        snprintf(err->message, sizeof err->message, "%s: cannot fill masks", dir);
        status = EQB_ERR_MODEL;
    }
    if (status == EQB_OK) status = eqb_session_new(&session, model, NULL, err);
    if (status == EQB_OK) status = predict(session, model, text, &logits, err);
    if (status == EQB_OK) {
        int32_t vocab = eqb_model_config(model)->vocab_size;
        p = malloc((size_t)vocab * sizeof *p);
        if (p) {
            memcpy(p, logits, (size_t)vocab * sizeof *p);
            eqb_softmax_rows(p, 1, vocab);
            print_top(p, eqb_model_tokenizer(model));
        } else {
            status = EQB_ERR_NOMEM;
        }
    }
    free(p);
    eqb_session_free(session);
    eqb_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    eqb_error err = {0};
    eqb_status status = run(argc > 1 ? argv[1] : "weights/mini",
                            argc > 2 ? argv[2] : "She works as a [MASK].", &err);
    if (status != EQB_OK)
        fprintf(stderr, "fill_mask: %s\n", err.message[0] ? err.message : eqb_status_text(status));
    return (int)status;
}
