/* Sentence vectors: mean-pooled hidden states, and how similar the sentences are (cosine).
 *
 *     embed_text [MODEL_DIR [SENTENCE ...]]
 *
 * Exit codes are eqb_status numbers: 0 done, 3 bad model, 4 input/output, ... Built in a project of
 * one's own: cc embed_text.c $(pkg-config --cflags --libs equibert) -lm                          */
#include "engine/equibert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const DEFAULTS[] = {"My wife is a pilot.", "My husband is a pilot.",
                                       "It rained all day."};
enum { DEFAULT_COUNT = sizeof DEFAULTS / sizeof *DEFAULTS };

/* All sentences one after another, as a batch wants them. */
typedef struct packed {
    int32_t *start, *ids; /* [sentences + 1], [start[sentences]] */
    int32_t sentences;
} packed;

static eqb_status pack(packed *out, const eqb_model *model, const char *const *text, int32_t count,
                       eqb_error *err)
{
    int32_t most = eqb_model_config(model)->max_positions, tokens = 0;
    *out = (packed){.sentences = count};
    out->start = calloc((size_t)count + 1, sizeof *out->start);
    out->ids = malloc((size_t)count * (size_t)most * sizeof *out->ids);
    if (!out->start || !out->ids) return EQB_ERR_NOMEM;
    eqb_encoding encoding = {0}; /* one for all: its memory is reused */
    eqb_status status = EQB_OK;
    for (int32_t i = 0; status == EQB_OK && i < count; i++) {
        status = eqb_encode(eqb_model_tokenizer(model), text[i], strlen(text[i]), NULL, 0, most,
                            &encoding, err);
        if (status != EQB_OK) break;
        memcpy(out->ids + tokens, encoding.ids, (size_t)encoding.count * sizeof *out->ids);
        tokens += encoding.count;
        out->start[i + 1] = tokens;
    }
    eqb_encoding_free(&encoding);
    return status;
}

static double dot(const float *a, const float *b, int32_t n)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* v: [count, width] */
static void print_cosines(const float *v, int32_t count, int32_t width, const char *const *text)
{
    for (int32_t i = 0; i < count; i++) {
        const float *a = v + (size_t)i * (size_t)width;
        for (int32_t k = 0; k < count; k++) {
            const float *b = v + (size_t)k * (size_t)width;
            printf("%8.4f", dot(a, b, width) / sqrt(dot(a, a, width) * dot(b, b, width)));
        }
        printf("   %s\n", text[i]);
    }
}

static eqb_status run(const char *dir, const char *const *text, int32_t count, eqb_error *err)
{
    eqb_model *model = NULL;
    eqb_session *session = NULL;
    packed p = {0};
    const float *vectors; /* [count, hidden_size] */
    eqb_status status = eqb_model_load(&model, dir, NULL, err);
    if (status == EQB_OK && !eqb_model_tokenizer(model)) status = EQB_ERR_MODEL;
    if (status == EQB_OK) status = eqb_session_new(&session, model, NULL, err);
    if (status == EQB_OK) status = pack(&p, model, text, count, err);
    if (status == EQB_OK) {
        eqb_batch batch = {p.sentences, p.start, p.ids, NULL};
        status = eqb_session_forward(session, &batch, err);
    }
    if (status == EQB_OK) status = eqb_session_mean_pooled(session, &vectors, err);
    if (status == EQB_OK)
        print_cosines(vectors, count, eqb_model_config(model)->hidden_size, text);
    free(p.start);
    free(p.ids);
    eqb_session_free(session);
    eqb_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    eqb_error err = {.message = "no vocabulary, or no memory"};
    const char *dir = argc > 1 ? argv[1] : "weights/mini";
    bool given = argc > 2;
    eqb_status status = run(dir, given ? (const char *const *)(argv + 2) : DEFAULTS,
                            given ? argc - 2 : DEFAULT_COUNT, &err);
    if (status != EQB_OK) fprintf(stderr, "embed_text: %s\n", err.message);
    return (int)status;
}
