/* See trainer_testing.h. */
#include "tests/trainer_testing.h"
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>

eqb_model *small_model_with(eqb_tokenizer *tokenizer, int32_t vocab_size,
                            const eqb_allocator *allocator, eqb_error *err)
{
    eqb_config c;
    eqb_config_default(&c);
    c.vocab_size = vocab_size;
    c.num_layers = 2;
    c.hidden_size = 24;
    c.num_heads = 2;
    c.intermediate_size = 40;
    c.max_positions = 48;
    c.initializer_range = 0.1f;
    eqb_model_options o = {.allocator = allocator, .seed = 7};
    eqb_model *m;
    return eqb_model_new(&m, &c, tokenizer, &o, err) == EQB_OK ? m : NULL;
}

eqb_model *small_model(eqb_tokenizer *tokenizer)
{
    eqb_model *m =
        small_model_with(tokenizer, tokenizer ? eqb_tokenizer_size(tokenizer) : 61, NULL, NULL);
    ck_assert_ptr_nonnull(m);
    return m;
}

static const char *text_file(const char *text)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/text.txt", temporary_dir());
    write_file(path, text, strlen(text));
    return path;
}

eqb_tokenizer *small_tokenizer(const char *text)
{
    eqb_tokenizer *t;
    eqb_error err = {0};
    const char *path = text_file(text);
    ck_assert_msg(eqb_tokenizer_learn(&t, &path, 1, 120, NULL, &err) == EQB_OK, "%s", err.message);
    return t;
}

eqb_corpus *corpus_of(const char *text, const eqb_tokenizer *tokenizer)
{
    eqb_corpus *c;
    eqb_error err = {0};
    const char *path = text_file(text);
    ck_assert_msg(eqb_corpus_load(&c, &path, 1, tokenizer, NULL, &err) == EQB_OK, "%s",
                  err.message);
    return c;
}
