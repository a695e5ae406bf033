/* eqb_model_save: a model -> a Hugging Face directory.
 *
 * Each file appears whole or not at all; between them the order matters, so that a crash never
 * leaves a directory that loads as something nobody saved. The weights are written first, under a
 * temporary name, and renamed last. When the small files are already as they should be (the same
 * model, trained further), that rename is the only change. Else the directory may hold another
 * model: before the first small file changes, model.safetensors becomes an empty file, which
 * outvotes weights of other formats and which a loader refuses, until the last rename.           */
#include "base/file.h"
#include "engine/model.h"
#include "weights/convert_dtype.h"
#include "weights/hf_config.h"
#include "weights/hf_tokenizer.h"
#include "weights/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_FILES = 6, EVERY_PART = EQB_PART_POOLER | EQB_PART_MLM | EQB_PART_NSP };

typedef struct small_file {
    const char *name;
    bool wanted; /* else it must not be there */
    eqbi_text text;
} small_file;

typedef struct saver {
    const eqb_model *model;
    const char *dir;
    eqb_dtype as;
    unsigned parts; /* that are written */
    uint16_t *half; /* [model->size] for 16 bits, or NULL */
    eqb_error *err;
    small_file small[SMALL_FILES];
    eqbi_output weights;
} saver;

static eqbi_dtype file_dtype(eqb_dtype dtype)
{
    static const eqbi_dtype of[] = {[EQB_F32] = EQBI_F32, [EQB_F16] = EQBI_F16,
                                    [EQB_BF16] = EQBI_BF16};
    return of[dtype];
}

/* What could add to vocab.txt and tokenizer_config.json, or outvote them, may be of another model. */
static eqb_status make_small_files(saver *s)
{
    const eqb_model *m = s->model;
    bool has_tokenizer = m->tokenizer != NULL;
    eqbi_text empty = {.allocator = m->allocator};
    small_file files[SMALL_FILES] = {{"config.json", true, empty},
                                     {"vocab.txt", has_tokenizer, empty},
                                     {"tokenizer_config.json", has_tokenizer, empty},
                                     {"tokenizer.json", false, empty},
                                     {"special_tokens_map.json", false, empty},
                                     {"added_tokens.json", false, empty}};
    memcpy(s->small, files, sizeof files);
    eqbi_hf_config_write(&s->small[0].text, &m->config, s->parts, s->as);
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
    return eqbi_io_error(s->err, path, "cannot remove");
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

/* An empty model.safetensors. The name in between is its own: the temporary name that comes with
 * model.safetensors is taken. */
static eqb_status block_weights(const saver *s)
{
    static const small_file empty = {.name = "model.safetensors.empty", .wanted = true};
    char from[4096], to[4096];
    EQBI_TRY(put_small_file(s, &empty));
    EQBI_TRY(eqbi_join(from, s->dir, empty.name, s->err));
    EQBI_TRY(eqbi_join(to, s->dir, "model.safetensors", s->err));
    if (rename(from, to) == 0) return eqbi_sync_dir(s->dir, s->err);
    return eqbi_io_error(s->err, to, "cannot replace");
}

static eqb_status put_small_files(const saver *s)
{
    bool current = true;
    for (int i = 0; i < SMALL_FILES; i++) current = current && is_current(s, &s->small[i]);
    if (current) return EQB_OK;
    char path[4096];
    EQBI_TRY(eqbi_join(path, s->dir, s->small[0].name, s->err));
    if (eqbi_file_exists(path)) EQBI_TRY(block_weights(s));
    for (int i = 0; i < SMALL_FILES; i++) EQBI_TRY(put_small_file(s, &s->small[i]));
    return EQB_OK;
}

/* Rounds all numbers into s->half, in the order of the block. */
static eqb_status round_numbers(saver *s)
{
    const eqb_model *m = s->model;
    s->half = eqbi_alloc(m->allocator, m->size, sizeof *s->half);
    if (!s->half)
        return eqbi_fail(s->err, EQB_ERR_NOMEM, "no memory to round %zu numbers", m->size);
    for (int32_t i = 0; i < m->entries; i++) {
        const eqbi_entry *e = &m->entry[i];
        const float *x = m->block + e->offset;
        size_t count = (size_t)e->rows * (size_t)e->cols;
        size_t bad = eqbi_narrow(s->half + e->offset, x, file_dtype(s->as), count);
        if (bad < count)
            return eqbi_fail(s->err, EQB_ERR_MODEL, "%s has %g at index %zu, too large for %s",
                             e->name, (double)x[bad], bad, eqbi_dtype_name(file_dtype(s->as)));
    }
    return EQB_OK;
}

/* The whole file, not yet under its name. */
static eqb_status write_weights(saver *s)
{
    const eqb_model *m = s->model;
    size_t entries = (size_t)m->entries, count = 0;
    if (s->as != EQB_F32) EQBI_TRY(round_numbers(s));
    eqbi_file_tensor *list = eqbi_calloc(m->allocator, entries + 1, sizeof *list);
    if (!list) return eqbi_fail(s->err, EQB_ERR_NOMEM, "no memory for %zu tensors", entries);
    for (size_t i = 0; i < entries; i++) {
        const eqbi_entry *e = &m->entry[i];
        if (e->part & ~s->parts) continue;
        uint64_t rows = (uint64_t)e->rows, cols = (uint64_t)e->cols;
        list[count++] = (eqbi_file_tensor){
            .name = e->name,
            .data = s->half ? (void *)(s->half + e->offset) : (void *)(m->block + e->offset),
            .shape = {e->dims == 1 ? cols : rows, cols},
            .dims = (uint8_t)e->dims,
            .dtype = (uint8_t)file_dtype(s->as)};
        /* transformers ties the two names of the bias together with the matrices, or neither. */
        if (m->config.untied_decoder && strcmp(e->name, "cls.predictions.bias") == 0) {
            list[count] = list[count - 1];
            list[count++].name = "cls.predictions.decoder.bias";
        }
    }
    eqb_status status = eqbi_safetensors_write(&s->weights, list, count, m->allocator, s->err);
    eqbi_free(m->allocator, list, entries + 1, sizeof *list);
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

eqb_status eqb_model_save_with(const eqb_model *model, const char *dir,
                               const eqb_save_options *options, eqb_error *err)
{
    saver s = {.model = model, .dir = dir, .as = options->dtype, .err = err, .weights = {.fd = -1}};
    s.parts = options->known_parts_only ? model->parts : EVERY_PART;
    eqb_status status = save(&s);
    eqbi_output_abandon(&s.weights);
    eqbi_free(model->allocator, s.half, model->size, sizeof *s.half);
    for (int i = 0; i < SMALL_FILES; i++) eqbi_text_free(&s.small[i].text);
    return status;
}

eqb_status eqb_model_save(const eqb_model *model, const char *dir, eqb_error *err)
{
    return eqb_model_save_with(model, dir, &(eqb_save_options){0}, err);
}
