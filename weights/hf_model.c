/* eqb_model_load: a Hugging Face directory -> a model.
 *
 * Every tensor of the file is named, matched with an entry of the engine's table and checked before
 * a single number is copied. Then the copy is one pass over the file on all threads; what the file
 * lacks of the pooler and the heads is drawn at random, with a note.                             */
#include "base/file.h"
#include "engine/model.h"
#include "weights/convert.h"
#include "weights/hf_config.h"
#include "weights/hf_names.h"
#include "weights/hf_tokenizer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char WEIGHTS[] = "model.safetensors";
enum { LARGEST_UNUSED_LIST = 10 };

typedef struct loader {
    const char *dir;
    const eqb_model_options *options; /* never NULL */
    eqbi_hf_config config;
    eqb_model *model;
    eqbi_safetensors file;
    const eqbi_st_tensor **source;    /* [model->entries] the tensor of each entry, or NULL */
    const eqbi_st_tensor *decoder;    /* a stored copy of the tied matrix, or NULL */
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

/* ----------------------------------------------------------------------------------- opening -- */

/* Says what else lies in a directory that has no model.safetensors. */
static eqb_status no_weights(const loader *l)
{
    static const char *const others[] = {
        "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
        "tf_model.h5", "flax_model.msgpack", "bert_model.ckpt.index"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char path[4096];
        EQBI_TRY(eqbi_join(path, l->dir, others[i], l->err));
        if (eqbi_file_exists(path))
            return eqbi_fail(l->err, EQB_ERR_MODEL,
                             "%s: found %s only: convert it to %s with transformers' "
                             "from_pretrained and save_pretrained",
                             l->dir, others[i], WEIGHTS);
    }
    return eqbi_fail(l->err, EQB_ERR_MODEL, "%s: has no %s", l->dir, WEIGHTS);
}

static eqb_status open_weights(loader *l)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, l->dir, WEIGHTS, l->err));
    if (!eqbi_file_exists(path)) return no_weights(l);
    return eqbi_safetensors_open(&l->file, path, WEIGHTS, l->options->allocator, l->err);
}

/* A few bytes of config.json can ask for terabytes: the file must come near to filling the model.
 * Half-precision files without heads need a little more than twice their size. */
static eqb_status check_size(const loader *l)
{
    const eqb_config *c = &l->config.config;
    double h = c->hidden_size, f = c->intermediate_size, layers = c->num_layers;
    double vectors = (double)c->vocab_size + c->max_positions + c->type_vocab_size;
    double parameters = h * vectors + layers * h * (4 * h + 2 * f) + 2 * h * h;
    double most = 2.5 * (double)l->file.file.size + (1 << 20);
    if (parameters * sizeof(float) <= most) return EQB_OK;
    return eqbi_fail(l->err, EQB_ERR_MODEL,
                     "config.json describes %.0f parameters, %s has only %zu bytes", parameters,
                     WEIGHTS, l->file.file.size);
}

static eqb_status load_tokenizer(loader *l)
{
    if (!eqbi_hf_tokenizer_exists(l->dir)) {
        note(l, "%s: has neither vocab.txt nor tokenizer.json: no tokenizer", l->dir);
        return EQB_OK;
    }
    eqb_tokenizer **t = &l->model->tokenizer;
    EQBI_TRY(eqb_tokenizer_load(t, l->dir, l->options->allocator, l->err));
    int32_t tokens = eqb_tokenizer_size(*t), rows = l->config.config.vocab_size;
    if (tokens > rows)
        return eqbi_fail(l->err, EQB_ERR_MODEL,
                         "the vocabulary has %d tokens, but vocab_size in config.json is %d",
                         tokens, rows);
    if (tokens < rows) note(l, "vocab_size is %d, the vocabulary has %d tokens", rows, tokens);
    return EQB_OK;
}

/* ---------------------------------------------------------------------------------- matching -- */

static bool same_bytes(const eqbi_st_tensor *a, const eqbi_st_tensor *b)
{
    return a->dtype == b->dtype && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* Finds the entry of each tensor. Where two tensors claim one, the first in alphabetical order has
 * it: cls.predictions.bias before cls.predictions.decoder.bias, as in transformers. */
static void match_names(loader *l)
{
    bool add_bert = true;
    for (size_t i = 0; i < l->file.count; i++)
        if (eqbi_hf_name_is_prefixed(l->file.tensor[i].name)) add_bert = false;
    size_t unused = 0;
    for (size_t i = 0; i < l->file.count; i++) {
        const eqbi_st_tensor *t = &l->file.tensor[i];
        char name[EQBI_NAME_SIZE];
        eqbi_name_kind kind = eqbi_hf_name(name, t->name, add_bert);
        if (kind == EQBI_NAME_DECODER) l->decoder = t;
        if (kind != EQBI_NAME_TENSOR) continue;
        int32_t entry = eqbi_model_find(l->model, name, strlen(name));
        if (entry >= 0 && !l->source[entry])
            l->source[entry] = t;
        else if (entry >= 0 && !same_bytes(l->source[entry], t))
            note(l, "%s: %s differs from %s and is not used", WEIGHTS, t->name,
                 l->source[entry]->name);
        else if (entry < 0 && unused++ < LARGEST_UNUSED_LIST)
            note(l, "%s: %s is not used", WEIGHTS, t->name);
    }
    if (unused > LARGEST_UNUSED_LIST)
        note(l, "%s: %zu more tensors are not used", WEIGHTS, unused - LARGEST_UNUSED_LIST);
}

/* "768,768" */
static void show_shape(char *out, size_t size, const uint64_t *shape, int dims)
{
    out[0] = '\0';
    for (int d = 0, used = 0; d < dims; d++)
        used += snprintf(out + used, size - (size_t)used, "%s%llu", d ? "," : "",
                         (unsigned long long)shape[d]);
}

static eqb_status check_tensor(const loader *l, const eqbi_entry *e, const eqbi_st_tensor *t)
{
    if (!eqbi_convertible(t->dtype))
        return eqbi_fail(l->err, EQB_ERR_MODEL, "%s: %s is %s, expected F32, F16, BF16 or F64",
                         WEIGHTS, t->name, eqbi_dtype_name(t->dtype));
    const uint64_t shape[2] = {(uint64_t)e->rows, (uint64_t)e->cols};
    const uint64_t *wanted = e->dims == 1 ? shape + 1 : shape;
    size_t bytes = (size_t)e->dims * sizeof *wanted;
    if (t->dims == e->dims && memcmp(t->shape, wanted, bytes) == 0) return EQB_OK;
    char found[EQBI_ST_DIMS * 21 + 1], expected[2 * 21 + 1]; /* 2^64 has 20 digits */
    show_shape(found, sizeof found, t->shape, t->dims);
    show_shape(expected, sizeof expected, wanted, e->dims);
    return eqbi_fail(l->err, EQB_ERR_MODEL, "%s: %s is [%s], expected [%s]", WEIGHTS, t->name,
                     found, expected);
}

static eqb_status check_tensors(const loader *l)
{
    for (int32_t i = 0; i < l->model->entries; i++) {
        const eqbi_entry *e = &l->model->entry[i];
        if (l->source[i])
            EQBI_TRY(check_tensor(l, e, l->source[i]));
        else if (e->part == 0)
            return eqbi_fail(l->err, EQB_ERR_MODEL, "%s: %s is missing", WEIGHTS, e->name);
    }
    return EQB_OK;
}

/* A stored decoder matrix should be the word embeddings; transformers then keeps the embeddings. */
static eqb_status check_decoder(const loader *l)
{
    static const char word[] = "bert.embeddings.word_embeddings.weight";
    int32_t entry = eqbi_model_find(l->model, word, sizeof word - 1);
    if (!l->decoder || same_bytes(l->decoder, l->source[entry])) return EQB_OK;
    if (!l->config.tied)
        return eqbi_fail(l->err, EQB_ERR_MODEL,
                         "config.json: key \"tie_word_embeddings\" is false and %s is not the word "
                         "embeddings, which is unsupported",
                         l->decoder->name);
    note(l, "%s: %s differs from the word embeddings and is not used", WEIGHTS, l->decoder->name);
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
        if (l->source[i]) continue;
        m->parts &= ~m->entry[i].part;
        eqbi_model_init_entry(m, i, l->options->seed);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!(m->parts & parts[i].part))
            note(l, "%s: has no %s: drawn at random, train it before use", WEIGHTS, parts[i].name);
}

/* Converts one entry; false: not all of it is finite, *bad says where it begins not to be. */
static bool copy_entry(const loader *l, int32_t i, size_t *bad)
{
    const eqbi_entry *e = &l->model->entry[i];
    const eqbi_st_tensor *t = l->source[i];
    if (!t) return true;
    size_t count = (size_t)e->rows * (size_t)e->cols;
    *bad = eqbi_convert(l->model->block + e->offset, t->data, t->dtype, count);
    return *bad == count;
}

static eqb_status copy_tensors(const loader *l)
{
    eqb_model *m = l->model;
    eqbi_prefer_huge_pages(m->block, m->size * sizeof *m->block);
    int32_t first = m->entries;
    /* One parallel loop for the whole file, handed out one by one: the word embeddings, a fifth of
     * the file, are the first entry and keep one thread busy while the others copy the rest. */
#pragma omp parallel for schedule(dynamic) reduction(min : first)
    for (int32_t i = 0; i < m->entries; i++) {
        size_t bad;
        if (!copy_entry(l, i, &bad) && i < first) first = i;
    }
    size_t bad;
    if (first == m->entries || copy_entry(l, first, &bad)) return EQB_OK;
    bool nan = isnan(m->block[m->entry[first].offset + bad]);
    return eqbi_fail(l->err, EQB_ERR_MODEL, "%s: %s is %s at index %zu", WEIGHTS,
                     l->source[first]->name, nan ? "NaN" : "infinite", bad);
}

static eqb_status load_weights(loader *l)
{
    EQBI_TRY(open_weights(l));
    EQBI_TRY(check_size(l));
    EQBI_TRY(eqbi_model_create(&l->model, &l->config.config, l->options->allocator, l->err));
    EQBI_TRY(load_tokenizer(l));
    l->source = eqbi_calloc(l->options->allocator, (size_t)l->model->entries, sizeof *l->source);
    if (!l->source) return eqbi_fail(l->err, EQB_ERR_NOMEM, "no memory for a list of tensors");
    match_names(l);
    EQBI_TRY(check_tensors(l));
    EQBI_TRY(check_decoder(l));
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
    if (l.source)
        eqbi_free(l.options->allocator, l.source, (size_t)l.model->entries, sizeof *l.source);
    eqbi_safetensors_close(&l.file);
    if (status == EQB_OK)
        *out = l.model;
    else
        eqb_model_free(l.model);
    return status;
}
