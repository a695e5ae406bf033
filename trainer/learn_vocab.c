/* A tokenizer from plain text: the vocabulary of a model that is trained from scratch. */
#include "tokenizer/vocab_learner.h"
#include "trainer/equibert_train.h"
#include "trainer/lines.h"

eqb_status eqb_tokenizer_learn(eqb_tokenizer **out, const char *const *paths, int32_t count,
                               int32_t size, const eqb_tokenizer_options *options, eqb_error *err)
{
    *out = NULL;
    const eqb_allocator *a = options ? options->allocator : NULL;
    eqbi_vocab_learner *learner;
    EQBI_TRY(eqbi_vocab_learner_new(&learner, options, err));
    eqbi_lines lines = {.fd = -1, .allocator = a};
    eqb_status status = EQB_OK;
    for (int32_t i = 0; status == EQB_OK && i < count; i++) {
        status = eqbi_lines_open(&lines, paths[i], 0, err);
        while (status == EQB_OK) {
            const char *line;
            size_t length;
            status = eqbi_lines_next(&lines, &line, &length, err);
            if (status != EQB_OK || !line) break;
            status = eqbi_vocab_learner_add_text(learner, line, length, err);
        }
    }
    eqbi_lines_close(&lines);
    char *vocab = NULL;
    size_t length = 0;
    if (status == EQB_OK)
        status = eqbi_vocab_learner_finish(learner, size, &vocab, &length, err);
    if (status == EQB_OK) status = eqb_tokenizer_new(out, vocab, length, options, err);
    eqbi_free(a, vocab, length + 1, 1);
    eqbi_vocab_learner_free(learner);
    return status;
}
