/* A small model and its directories; see weights_testing.h. */
#include "tests/weights_testing.h"
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>

static const eqb_config small = {8, 4, 2, 2, 6, 5, 2, 0, EQB_ACT_GELU, 1e-12f, 0.02f, 0.1f, 0.1f,
                                 false};

eqb_model *make_small_model(uint64_t seed, bool with_tokenizer, const eqb_allocator *allocator)
{
    eqb_error err;
    eqb_tokenizer *tokenizer = NULL;
    eqb_model *model;
    eqb_tokenizer_options o;
    eqb_tokenizer_options_default(&o);
    o.allocator = allocator;
    if (with_tokenizer)
        ck_assert_int_eq(eqb_tokenizer_new(&tokenizer, SMALL_VOCAB, strlen(SMALL_VOCAB), &o, &err),
                         EQB_OK);
    eqb_model_options options = {.seed = seed, .allocator = allocator};
    ck_assert_int_eq(eqb_model_new(&model, &small, tokenizer, &options, &err), EQB_OK);
    return model;
}

const char *path_in(const char *dir, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

void write_text(const char *dir, const char *name, const char *text)
{
    write_file(path_in(dir, name), text, strlen(text));
}

const char *saved_dir(const eqb_model *model)
{
    eqb_error err;
    const char *dir = temporary_dir();
    ck_assert_msg(eqb_model_save(model, dir, &err) == EQB_OK, "%s", err.message);
    return dir;
}

bool same_parameters(const eqb_model *a, const eqb_model *b, unsigned except)
{
    for (int32_t i = 0; i < eqb_model_parameter_count(a); i++) {
        eqb_parameter p = eqb_model_parameter(a, i), q = eqb_model_parameter(b, i);
        size_t size = (size_t)p.rows * (size_t)p.cols * sizeof(float);
        if (!(a->entry[i].part & except) && memcmp(p.data, q.data, size) != 0) return false;
    }
    return true;
}

static void take_note(void *user, const char *line)
{
    char *notes = user;
    size_t used = strlen(notes);
    ck_assert_ptr_null(strchr(line, '\n'));
    snprintf(notes + used, NOTES_SIZE - used, "%s\n", line);
}

eqb_status load_noted(eqb_model **model, const char *dir, char notes[NOTES_SIZE], eqb_error *err)
{
    notes[0] = '\0';
    eqb_model_options options = {.on_note = take_note, .user = notes, .seed = 9};
    return eqb_model_load(model, dir, &options, err);
}

void check_load_fails(const char *dir, const char *message)
{
    eqb_error err;
    eqb_model *model;
    eqb_status status = eqb_model_load(&model, dir, NULL, &err);
    ck_assert_msg(status == EQB_ERR_MODEL, "expected \"%s\", found status %d", message, status);
    ck_assert_ptr_null(model);
    ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
}
