/* eqb_model_save: a model -> a Hugging Face directory.
 *
 * Each file appears whole or not at all; between them the order matters, so that a crash never
 * leaves a directory that loads as something nobody saved. The weights are written first, under a
 * temporary name, and renamed last. When the small files are already as they should be (the same
 * model, trained further), that rename is the only change. Else the directory held another model:
 * its weights are removed before the first small file changes, and until the last rename a loader
 * says "has no model.safetensors".                                                               */
#include "base/file.h"
#include "engine/model.h"
#include "weights/hf_config.h"
#include "weights/hf_tokenizer.h"
#include "weights/safetensors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_FILES = 4 };

typedef struct small_file {
    const char *name;
    bool wanted; /* else it must not be there */
    eqbi_text text;
} small_file;

typedef struct saver {
    const eqb_model *model;
    const char *dir;
    eqb_error *err;
    small_file small[SMALL_FILES];
    eqbi_output weights;
} saver;

/* A tokenizer.json would outvote vocab.txt in transformers, and may be of another model. */
static eqb_status make_small_files(saver *s)
{
    const eqb_model *m = s->model;
    bool has_tokenizer = m->tokenizer != NULL;
    eqbi_text empty = {.allocator = m->allocator};
    small_file files[SMALL_FILES] = {{"config.json", true, empty},
                                     {"vocab.txt", has_tokenizer, empty},
                                     {"tokenizer_config.json", has_tokenizer, empty},
                                     {"tokenizer.json", false, empty}};
    memcpy(s->small, files, sizeof files);
    eqbi_hf_config_write(&s->small[0].text, &m->config);
    if (has_tokenizer) {
        eqbi_hf_vocab_write(&s->small[1].text, m->tokenizer);
        eqbi_hf_tokenizer_config_write(&s->small[2].text, m->tokenizer, m->config.max_positions);
    }
    for (int i = 0; i < SMALL_FILES; i++)
        if (s->small[i].text.failed)
            return eqbi_fail(s->err, EQB_ERR_NOMEM, "no memory to write %s", s->small[i].name);
    return EQB_OK;
}

/* Whether the directory has this file as it should be. */
static bool is_current(const saver *s, const small_file *f)
{
    char path[4096], *text;
    size_t size;
    if (eqbi_join(path, s->dir, f->name, NULL) != EQB_OK) return false;
    if (!f->wanted) return !eqbi_file_exists(path);
    if (eqbi_file_read(&text, &size, path, f->text.size, s->model->allocator, NULL) != EQB_OK)
        return false;
    bool same = size == f->text.size && memcmp(text, f->text.data, size) == 0;
    eqbi_free(s->model->allocator, text, size + 1, 1);
    return same;
}

static eqb_status remove_file(const saver *s, const char *name)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, s->dir, name, s->err));
    if (unlink(path) == 0 || errno == ENOENT) return EQB_OK;
    return eqbi_fail(s->err, EQB_ERR_IO, "%s: cannot remove", path);
}

static eqb_status put_small_file(const saver *s, const small_file *f)
{
    if (!f->wanted) return remove_file(s, f->name);
    eqbi_output out;
    char path[4096];
    EQBI_TRY(eqbi_join(path, s->dir, f->name, s->err));
    EQBI_TRY(eqbi_output_create(&out, path, s->err));
    eqbi_output_put(&out, f->text.data, f->text.size);
    return eqbi_output_commit(&out, s->err);
}

static eqb_status put_small_files(const saver *s)
{
    bool current = true;
    for (int i = 0; i < SMALL_FILES; i++) current = current && is_current(s, &s->small[i]);
    if (current) return EQB_OK;
    EQBI_TRY(remove_file(s, "model.safetensors"));
    EQBI_TRY(eqbi_sync_dir(s->dir, s->err));
    for (int i = 0; i < SMALL_FILES; i++) EQBI_TRY(put_small_file(s, &s->small[i]));
    return EQB_OK;
}

/* The whole file, not yet under its name. */
static eqb_status write_weights(saver *s)
{
    const eqb_model *m = s->model;
    size_t count = (size_t)m->entries;
    eqbi_st_tensor *list = eqbi_calloc(m->allocator, count, sizeof *list);
    if (!list) return eqbi_fail(s->err, EQB_ERR_NOMEM, "no memory for %zu tensors", count);
    for (size_t i = 0; i < count; i++) {
        const eqbi_entry *e = &m->entry[i];
        list[i] = (eqbi_st_tensor){.name = e->name,
                                   .data = m->block + e->offset,
                                   .shape = {(uint64_t)e->rows, (uint64_t)e->cols},
                                   .dims = (uint8_t)e->dims,
                                   .dtype = EQBI_F32};
        if (e->dims == 1) list[i].shape[0] = (uint64_t)e->cols;
    }
    eqb_status status = eqbi_safetensors_write(&s->weights, list, count, m->allocator, s->err);
    eqbi_free(m->allocator, list, count, sizeof *list);
    return status;
}

static eqb_status save(saver *s)
{
    char path[4096];
    EQBI_TRY(make_small_files(s));
    EQBI_TRY(eqbi_make_dirs(s->dir, s->err));
    EQBI_TRY(eqbi_join(path, s->dir, "model.safetensors", s->err));
    EQBI_TRY(eqbi_output_create(&s->weights, path, s->err));
    EQBI_TRY(write_weights(s));
    /* After a failed write (disk full) nothing is touched, and commit says why. */
    if (!s->weights.failed) EQBI_TRY(put_small_files(s));
    return eqbi_output_commit(&s->weights, s->err);
}

eqb_status eqb_model_save(const eqb_model *model, const char *dir, eqb_error *err)
{
    saver s = {.model = model, .dir = dir, .err = err, .weights = {.fd = -1}};
    eqb_status status = save(&s);
    eqbi_output_abandon(&s.weights);
    for (int i = 0; i < SMALL_FILES; i++) eqbi_text_free(&s.small[i].text);
    return status;
}
