/* eqb_model_load: the directory of a model -> a model.
 *
 * Every tensor of the files is matched with an entry of the engine's table and checked before a
 * single number is copied. Then the copy is one pass over the files on all threads; what they
 * lack of the pooler and the heads is drawn at random, with a note.                              */
#include "base/file.h"
#include "tokenizer/added_tokens.h"
#include "weights/convert_dtype.h"
#include "weights/hf_config.h"
#include "weights/hf_match.h"
#include "weights/hf_tokenizer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { LARGEST_UNUSED_LIST = 10 };

typedef struct loader {
    const char *dir;
    const eqb_model_options *options; /* never NULL */
    eqb_config config;
    eqb_model *model;
    eqbi_weights weights;
    eqbi_decoder decoder;
    eqbi_match match;
    eqb_error *err;
} loader;

static void note(const loader *l, const char *format, ...) EQBI_PRINTF(2, 3);
static void note(const loader *l, const char *format, ...)
{
    if (!l->options->on_note) return;
    eqb_error line;
    char text[sizeof line.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    eqbi_fail(&line, EQB_OK, "%s", text); /* makes control characters of the file harmless */
    l->options->on_note(l->options->user, line.message);
}

static const char *file_of(const loader *l, const eqbi_file_tensor *t)
{
    return eqbi_weights_file_of(&l->weights, t);
}

static eqb_status load_tokenizer(loader *l)
{
    if (!eqbi_hf_tokenizer_exists(l->dir)) {
        note(l, "%s: has neither vocab.txt nor tokenizer.json: no tokenizer", l->dir);
        return EQB_OK;
    }
    eqb_tokenizer **t = &l->model->tokenizer;
    EQBI_TRY(eqb_tokenizer_load(t, l->dir, l->options->allocator, l->err));
    int32_t tokens = eqb_tokenizer_size(*t), rows = l->config.vocab_size;
    if (tokens < rows) note(l, "vocab_size is %d, the vocabulary has %d tokens", rows, tokens);
    if (tokens <= rows) return EQB_OK;
    note(l, "vocab_size is %d, the vocabulary has %d tokens: texts that need the others are refused",
         rows, tokens);
    return eqbi_tokenizer_limit(*t, rows, l->err);
}

/* ---------------------------------------------------------------------------------- checking -- */

/* Says what is not used, and of what is used, what one would not expect. */
static void note_tensors(const loader *l)
{
    const eqbi_weights *w = &l->weights;
    size_t unused = 0;
    bool rounded = false;
    if (w->ignored) note(l, "%s is used, %s beside it is not", w->where, w->ignored);
    for (size_t i = 0; i < w->count; i++) {
        const eqbi_file_tensor *t = w->tensor[i];
        const eqbi_tensor_match *m = &l->match.of[i];
        rounded = rounded || (m->fate == EQBI_FATE_USED && t->dtype == EQBI_F64);
        if (m->fate == EQBI_FATE_SECOND && !eqbi_same_tensor(l->match.source[m->entry], t))
            note(l, "%s: %s differs from %s and is not used", file_of(l, t), t->name,
                 l->match.source[m->entry]->name);
        if (m->fate == EQBI_FATE_UNUSED && unused++ < LARGEST_UNUSED_LIST)
            note(l, "%s: %s is not used", file_of(l, t), t->name);
    }
    if (unused > LARGEST_UNUSED_LIST)
        note(l, "%s: %zu more tensors are not used", w->where, unused - LARGEST_UNUSED_LIST);
    if (rounded) note(l, "%s: its numbers are F64 and are rounded to F32", w->where);
    if (l->decoder == EQBI_DECODER_DIFFERS)
        note(l, "%s: %s differs from the word embeddings and is not tied to them", w->where,
             EQBI_DECODER);
    if (l->decoder == EQBI_DECODER_MISSING)
        note(l, "config.json: key \"tie_word_embeddings\" is false, but %s has no %s", w->where,
             EQBI_DECODER);
}

static eqb_status check_tensors(const loader *l)
{
    EQBI_TRY(eqbi_match_complete(&l->match, &l->weights, l->model, l->err));
    for (int32_t i = 0; i < l->model->entries; i++) {
        const eqbi_file_tensor *t = l->match.source[i];
        if (t) EQBI_TRY(eqbi_match_check(&l->model->entry[i], t, file_of(l, t), l->err));
    }
    return EQB_OK;
}

/* ----------------------------------------------------------------------------------- filling -- */

static void draw_missing(const loader *l)
{
    static const struct {
        unsigned part;
        const char *name;
    } parts[] = {{EQB_PART_POOLER, "pooler"},
                 {EQB_PART_MLM, "masked-language-model head"},
                 {EQB_PART_NSP, "next-sentence head"}};
    eqb_model *m = l->model;
    m->parts = EQB_PART_POOLER | EQB_PART_MLM | EQB_PART_NSP;
    for (int32_t i = 0; i < m->entries; i++) {
        if (l->match.source[i]) continue;
        m->parts &= ~m->entry[i].part;
        eqbi_model_init_entry(m, i, l->options->seed);
    }
    if (l->decoder == EQBI_DECODER_MISSING) m->parts &= ~(unsigned)EQB_PART_MLM;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!(m->parts & parts[i].part))
            note(l, "%s: has no %s: drawn at random, train it before use", l->weights.where,
                 parts[i].name);
}

/* Converts one entry; false: not all of it is finite, *bad says where. */
static bool copy_entry(const loader *l, int32_t i, size_t *bad)
{
    const eqbi_entry *e = &l->model->entry[i];
    const eqbi_file_tensor *t = l->match.source[i];
    if (!t) return true;
    *bad = eqbi_convert_tensor(l->model->block + e->offset, t);
    return *bad == (size_t)e->rows * (size_t)e->cols;
}

static eqb_status copy_tensors(const loader *l)
{
    eqb_model *m = l->model;
    eqbi_prefer_huge_pages(m->block, m->size * sizeof *m->block);
    int32_t first = m->entries;
    /* One parallel loop for all files, handed out one by one: the word embeddings, a fifth of the
     * numbers, are the first entry and keep one thread busy while the others copy the rest. */
#pragma omp parallel for schedule(dynamic) reduction(min : first)
    for (int32_t i = 0; i < m->entries; i++) {
        size_t bad;
        if (!copy_entry(l, i, &bad) && i < first) first = i;
    }
    size_t bad;
    if (first == m->entries || copy_entry(l, first, &bad)) return EQB_OK;
    const eqbi_file_tensor *t = l->match.source[first];
    bool nan = isnan(m->block[m->entry[first].offset + bad]);
    return eqbi_fail(l->err, EQB_ERR_MODEL, "%s: %s is %s at index %zu", file_of(l, t), t->name,
                     nan ? "NaN" : "infinite", bad);
}

static eqb_status load_weights(loader *l)
{
    const eqb_allocator *allocator = l->options->allocator;
    EQBI_TRY(eqbi_weights_open(&l->weights, l->dir, allocator, l->err));
    l->decoder = eqbi_match_decoder(&l->config, &l->weights);
    EQBI_TRY(eqbi_match_size(&l->config, &l->weights, l->err));
    EQBI_TRY(eqbi_model_create(&l->model, &l->config, allocator, l->err));
    EQBI_TRY(load_tokenizer(l));
    EQBI_TRY(eqbi_match_tensors(&l->match, &l->weights, l->model, l->err));
    note_tensors(l);
    EQBI_TRY(check_tensors(l));
    EQBI_TRY(copy_tensors(l));
    draw_missing(l);
    return EQB_OK;
}

eqb_status eqb_model_load(eqb_model **out, const char *dir, const eqb_model_options *options,
                          eqb_error *err)
{
    *out = NULL;
    const eqb_model_options defaults = {0};
    loader l = {.dir = dir, .options = options ? options : &defaults, .err = err};
    if (!eqbi_file_exists(dir))
        return eqbi_fail(err, EQB_ERR_IO, "%s: no such directory", dir);
    EQBI_TRY(eqbi_hf_config_load(&l.config, dir, l.options->allocator, err));
    eqb_status status = load_weights(&l);
    eqbi_match_free(&l.match);
    eqbi_weights_close(&l.weights);
    if (status == EQB_OK)
        *out = l.model;
    else
        eqb_model_free(l.model);
    return status;
}
