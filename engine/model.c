/* The parameter block: layout, table of names, initialisation; see model.h.
 *
 * add() below is called once per Hugging Face tensor, in block order; tensors of the engine that are
 * several Hugging Face tensors in a row (query | key | value) are pointed at the first of them.     */
#include "engine/model.h"
#include "autograd/random.h"

#include <stdio.h>
#include <string.h>

enum { ALIGN_FLOATS = 16 }; /* 64 bytes: entries start on a cache line */

void eqb_config_default(eqb_config *config)
{
    *config = (eqb_config){.vocab_size = 30522,
                           .hidden_size = 768,
                           .num_layers = 12,
                           .num_heads = 12,
                           .intermediate_size = 3072,
                           .max_positions = 512,
                           .type_vocab_size = 2,
                           .pad_token_id = 0,
                           .hidden_act = EQB_ACT_GELU,
                           .layer_norm_eps = 1e-12f,
                           .initializer_range = 0.02f,
                           .hidden_dropout = 0.1f,
                           .attention_dropout = 0.1f};
}

eqb_status eqbi_config_check(const eqb_config *c, const char *where, eqb_error *err)
{
    const struct {
        const char *key;
        int32_t value, least, most;
    } whole[] = {
        {"vocab_size", c->vocab_size, 1, 1 << 24},
        {"hidden_size", c->hidden_size, 1, 65536},
        {"num_hidden_layers", c->num_layers, 0, 1024},
        {"num_attention_heads", c->num_heads, 1, 65536},
        {"intermediate_size", c->intermediate_size, 1, 1 << 20},
        {"max_position_embeddings", c->max_positions, 1, 1 << 20},
        {"type_vocab_size", c->type_vocab_size, 1, 65536},
        {"pad_token_id", c->pad_token_id, -1, c->vocab_size - 1},
        {"hidden_act", (int32_t)c->hidden_act, EQB_ACT_NONE, EQB_ACT_RELU},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (whole[i].value < whole[i].least || whole[i].value > whole[i].most)
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s is %d, expected %d to %d", where,
                             whole[i].key, whole[i].value, whole[i].least, whole[i].most);
    const struct {
        const char *key;
        float value, least, below;
    } real[] = {
        {"layer_norm_eps", c->layer_norm_eps, 0.0f, 1.0f},
        {"initializer_range", c->initializer_range, 0.0f, 100.0f},
        {"hidden_dropout_prob", c->hidden_dropout, 0.0f, 1.0f},
        {"attention_probs_dropout_prob", c->attention_dropout, 0.0f, 1.0f},
    };
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        if (!(real[i].value >= real[i].least && real[i].value < real[i].below))
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s is %g, expected at least %g and below %g",
                             where, real[i].key, (double)real[i].value, (double)real[i].least,
                             (double)real[i].below);
    if (c->hidden_size % c->num_heads != 0)
        return eqbi_fail(err, EQB_ERR_MODEL,
                         "%s: hidden_size %d is not divisible by num_attention_heads %d", where,
                         c->hidden_size, c->num_heads);
    return EQB_OK;
}

/* ------------------------------------------------------------------------------------- table -- */

typedef struct layout {
    eqb_model *model;
    size_t offset; /* floats so far          */
    bool fits;     /* no size overflowed     */
} layout;

/* Appends an entry. rows 0 means a vector of cols. view, when not NULL, becomes the tensor over
 * parts entries of this shape that follow one another, this one the first. Parts of one tensor
 * touch; only a tensor's end is padded (align).                                                   */
static void add(layout *l, unsigned part, int32_t rows, int32_t cols, tensor *view, int32_t parts,
                const char *name)
{
    eqb_model *m = l->model;
    eqbi_entry *e = &m->entry[m->entries++];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->dims = rows == 0 ? 1 : 2;
    e->rows = rows == 0 ? 1 : rows;
    e->cols = cols;
    e->offset = l->offset;
    e->part = part;
    e->decay = e->dims == 2; /* every vector of BERT is a bias or belongs to a LayerNorm */
    size_t size = 0;
    l->fits = l->fits && eqbi_mul((size_t)e->rows, (size_t)cols, &size);
    l->fits = l->fits && eqbi_add(l->offset, size, &l->offset);
    if (view) {
        *view = (tensor){.rows = rows == 0 ? 1 : rows * parts,
                         .cols = rows == 0 ? cols * parts : cols,
                         .is_param = true,
                         .needs_grad = true};
        view->x = (float *)(uintptr_t)e->offset; /* made a pointer when the block is there */
    }
}

/* Ends a tensor: the next one starts on a cache line. */
static void align(layout *l)
{
    size_t rest = l->offset % ALIGN_FLOATS;
    if (rest) l->fits = l->fits && eqbi_add(l->offset, ALIGN_FLOATS - rest, &l->offset);
}

static void add_one(layout *l, unsigned part, int32_t rows, int32_t cols, tensor *view,
                    const char *name)
{
    add(l, part, rows, cols, view, 1, name);
    align(l);
}

static void add_layer(layout *l, int32_t index, layer_params *p)
{
    const eqb_config *c = &l->model->config;
    int32_t h = c->hidden_size, f = c->intermediate_size;
    char name[80];
#define NAME(rest) (snprintf(name, sizeof name, "bert.encoder.layer.%d." rest, index), name)
    add(l, 0, h, h, &p->qkv_w, 3, NAME("attention.self.query.weight"));
    add(l, 0, h, h, NULL, 1, NAME("attention.self.key.weight"));
    add(l, 0, h, h, NULL, 1, NAME("attention.self.value.weight"));
    align(l);
    add(l, 0, 0, h, &p->qkv_b, 3, NAME("attention.self.query.bias"));
    add(l, 0, 0, h, NULL, 1, NAME("attention.self.key.bias"));
    add(l, 0, 0, h, NULL, 1, NAME("attention.self.value.bias"));
    align(l);
    add_one(l, 0, h, h, &p->out_w, NAME("attention.output.dense.weight"));
    add_one(l, 0, 0, h, &p->out_b, NAME("attention.output.dense.bias"));
    add_one(l, 0, 0, h, &p->norm1_g, NAME("attention.output.LayerNorm.weight"));
    add_one(l, 0, 0, h, &p->norm1_b, NAME("attention.output.LayerNorm.bias"));
    add_one(l, 0, f, h, &p->up_w, NAME("intermediate.dense.weight"));
    add_one(l, 0, 0, f, &p->up_b, NAME("intermediate.dense.bias"));
    add_one(l, 0, h, f, &p->down_w, NAME("output.dense.weight"));
    add_one(l, 0, 0, h, &p->down_b, NAME("output.dense.bias"));
    add_one(l, 0, 0, h, &p->norm2_g, NAME("output.LayerNorm.weight"));
    add_one(l, 0, 0, h, &p->norm2_b, NAME("output.LayerNorm.bias"));
#undef NAME
}

enum { ENTRIES_PER_LAYER = 16, ENTRIES_OUTSIDE = 15 };

static void add_all(layout *l)
{
    eqb_model *m = l->model;
    const eqb_config *c = &m->config;
    int32_t h = c->hidden_size, v = c->vocab_size;
    add_one(l, 0, v, h, &m->word, EQBI_WORD_EMBEDDINGS);
    add_one(l, 0, c->max_positions, h, &m->position, "bert.embeddings.position_embeddings.weight");
    add_one(l, 0, c->type_vocab_size, h, &m->type, "bert.embeddings.token_type_embeddings.weight");
    add_one(l, 0, 0, h, &m->embed_norm_g, "bert.embeddings.LayerNorm.weight");
    add_one(l, 0, 0, h, &m->embed_norm_b, "bert.embeddings.LayerNorm.bias");
    for (int32_t i = 0; i < c->num_layers; i++) add_layer(l, i, &m->layer[i]);
    add_one(l, EQB_PART_POOLER, h, h, &m->pool_w, "bert.pooler.dense.weight");
    add_one(l, EQB_PART_POOLER, 0, h, &m->pool_b, "bert.pooler.dense.bias");
    add_one(l, EQB_PART_MLM, 0, v, &m->decoder_b, "cls.predictions.bias");
    add_one(l, EQB_PART_MLM, h, h, &m->transform_w, "cls.predictions.transform.dense.weight");
    add_one(l, EQB_PART_MLM, 0, h, &m->transform_b, "cls.predictions.transform.dense.bias");
    add_one(l, EQB_PART_MLM, 0, h, &m->transform_norm_g,
            "cls.predictions.transform.LayerNorm.weight");
    add_one(l, EQB_PART_MLM, 0, h, &m->transform_norm_b,
            "cls.predictions.transform.LayerNorm.bias");
    add_one(l, EQB_PART_NSP, 2, h, &m->nsp_w, "cls.seq_relationship.weight");
    add_one(l, EQB_PART_NSP, 0, 2, &m->nsp_b, "cls.seq_relationship.bias");
    /* Last, so that with the same seed the others are those of a tied model. */
    if (c->untied_decoder) add_one(l, EQB_PART_MLM, v, h, &m->own_decoder_w, EQBI_DECODER);
    m->decoder_w = c->untied_decoder ? &m->own_decoder_w : &m->word;
}

/* Tensor i = 0, 1, ... of the model, those of the layers first; NULL after the last. */
static tensor *tensor_at(eqb_model *m, size_t i)
{
    /* layer_params holds nothing but tensors */
    const size_t per_layer = sizeof *m->layer / sizeof(tensor);
    size_t inside = per_layer * (size_t)m->config.num_layers;
    if (i < inside) return (tensor *)&m->layer[i / per_layer] + i % per_layer;
    tensor *outside[] = {&m->word,         &m->position,         &m->type,
                         &m->embed_norm_g, &m->embed_norm_b,     &m->pool_w,
                         &m->pool_b,       &m->transform_w,      &m->transform_b,
                         &m->decoder_b,    &m->transform_norm_g, &m->transform_norm_b,
                         &m->nsp_w,        &m->nsp_b,            &m->own_decoder_w};
    size_t count = sizeof outside / sizeof *outside - !m->config.untied_decoder;
    i -= inside;
    return i < count ? outside[i] : NULL;
}

/* ---------------------------------------------------------------------------- life of a model -- */

static float *aligned_block(const eqb_allocator *allocator, size_t size, void **raw)
{
    size_t padded;
    *raw = eqbi_add(size, ALIGN_FLOATS, &padded) ? eqbi_alloc(allocator, padded, sizeof(float))
                                                 : NULL;
    if (!*raw) return NULL;
    uintptr_t address = ((uintptr_t)*raw + 63) & ~(uintptr_t)63;
    return (float *)address;
}

eqb_status eqbi_model_create(eqb_model **out, const eqb_config *config,
                             const eqb_allocator *allocator, eqb_error *err)
{
    *out = NULL;
    EQBI_TRY(eqbi_config_check(config, "config", err));
    eqb_model *m = eqbi_calloc(allocator, 1, sizeof *m);
    if (!m) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a model");
    m->config = *config;
    m->allocator = allocator;
    size_t layers = (size_t)config->num_layers;
    m->layer = eqbi_calloc(allocator, layers, sizeof *m->layer);
    m->entry = eqbi_calloc(allocator, layers * ENTRIES_PER_LAYER + ENTRIES_OUTSIDE,
                           sizeof *m->entry);
    if (!m->layer || !m->entry) goto no_memory;
    layout l = {.model = m, .fits = true};
    add_all(&l);
    m->size = l.offset;
    m->block = l.fits ? aligned_block(allocator, m->size, &m->block_raw) : NULL;
    if (!m->block) goto no_memory;
    tensor *t;
    for (size_t i = 0; (t = tensor_at(m, i)) != NULL; i++) t->x = m->block + (uintptr_t)t->x;
    /* The padding between tensors is part of what the optimizer sweeps. */
    for (int32_t i = 0; i < m->entries; i++) {
        const eqbi_entry *e = &m->entry[i];
        size_t end = e->offset + (size_t)e->rows * (size_t)e->cols;
        size_t next = i + 1 < m->entries ? m->entry[i + 1].offset : m->size;
        memset(m->block + end, 0, (next - end) * sizeof *m->block);
    }
    *out = m;
    return EQB_OK;
no_memory:
    eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a model of %zu parameters", m->size);
    eqb_model_free(m);
    return EQB_ERR_NOMEM;
}

void eqb_model_free(eqb_model *m)
{
    if (!m) return;
    const eqb_allocator *a = m->allocator;
    size_t layers = (size_t)m->config.num_layers;
    eqb_tokenizer_free(m->tokenizer);
    eqbi_free(a, m->block_raw, m->size + ALIGN_FLOATS, sizeof(float));
    eqbi_free(a, m->gradients_raw, m->size + ALIGN_FLOATS, sizeof(float));
    eqbi_free(a, m->layer, layers, sizeof *m->layer);
    eqbi_free(a, m->entry, layers * ENTRIES_PER_LAYER + ENTRIES_OUTSIDE, sizeof *m->entry);
    eqbi_free(a, m, 1, sizeof *m);
}

eqb_status eqbi_model_clone(eqb_model **out, const eqb_model *model, eqb_error *err)
{
    EQBI_TRY(eqbi_model_create(out, &model->config, model->allocator, err));
    (*out)->parts = model->parts;
    memcpy((*out)->block, model->block, model->size * sizeof *model->block);
    return EQB_OK;
}

void eqbi_model_init_entry(eqb_model *m, int32_t index, uint64_t seed)
{
    const eqbi_entry *e = &m->entry[index];
    float *x = m->block + e->offset;
    size_t size = (size_t)e->rows * (size_t)e->cols;
    if (e->dims == 1) {
        size_t length = strlen(e->name);
        bool gain = strstr(e->name, "LayerNorm.weight") == e->name + length - 16;
        for (size_t i = 0; i < size; i++) x[i] = gain ? 1.0f : 0.0f;
        return;
    }
    eqbi_random_normal(x, size, m->config.initializer_range, seed, (uint64_t)index);
    int32_t pad = m->config.pad_token_id;
    if (index == 0 && pad >= 0)
        memset(x + (size_t)pad * (size_t)e->cols, 0, (size_t)e->cols * sizeof *x);
}

eqb_status eqb_model_new(eqb_model **out, const eqb_config *config, eqb_tokenizer *tokenizer,
                         const eqb_model_options *options, eqb_error *err)
{
    *out = NULL;
    if (tokenizer && eqb_tokenizer_size(tokenizer) > config->vocab_size)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "the tokenizer has %d tokens, vocab_size is %d",
                         eqb_tokenizer_size(tokenizer), config->vocab_size);
    eqb_model *m;
    EQBI_TRY(eqbi_model_create(&m, config, options ? options->allocator : NULL, err));
    for (int32_t i = 0; i < m->entries; i++)
        eqbi_model_init_entry(m, i, options ? options->seed : 0);
    m->tokenizer = tokenizer;
    *out = m;
    return EQB_OK;
}

int32_t eqbi_model_find(const eqb_model *m, const char *name, size_t length)
{
    for (int32_t i = 0; i < m->entries; i++)
        if (strlen(m->entry[i].name) == length && memcmp(m->entry[i].name, name, length) == 0)
            return i;
    return -1;
}

eqb_status eqb_model_gradients(eqb_model *m, eqb_error *err)
{
    if (m->gradients) return EQB_OK;
    m->gradients = aligned_block(m->allocator, m->size, &m->gradients_raw);
    if (!m->gradients)
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the gradients of %zu parameters",
                         m->size);
    memset(m->gradients, 0, m->size * sizeof *m->gradients);
    tensor *t;
    for (size_t i = 0; (t = tensor_at(m, i)) != NULL; i++) {
        t->g = m->gradients + (t->x - m->block);
        t->has_g = false;
    }
    return EQB_OK;
}

void eqb_model_forget_gradients(eqb_model *m)
{
    tensor *t;
    for (size_t i = 0; (t = tensor_at(m, i)) != NULL; i++) t->has_g = false;
}

void eqbi_model_complete_gradients(eqb_model *m)
{
    tensor *t;
    for (size_t i = 0; (t = tensor_at(m, i)) != NULL; i++) {
        if (!t->has_g) memset(t->g, 0, eqbi_size(t) * sizeof *t->g);
        t->has_g = true;
    }
}

void eqbi_model_freeze(eqb_model *m, const bool *frozen)
{
    tensor *t;
    for (size_t i = 0; (t = tensor_at(m, i)) != NULL; i++) {
        size_t from = (size_t)(t->x - m->block), to = from + eqbi_size(t);
        t->needs_grad = false;
        for (int32_t e = 0; e < m->entries; e++)
            if (m->entry[e].offset >= from && m->entry[e].offset < to && !frozen[e])
                t->needs_grad = true;
    }
}

const eqb_config *eqb_model_config(const eqb_model *m)
{
    return &m->config;
}

const eqb_tokenizer *eqb_model_tokenizer(const eqb_model *m)
{
    return m->tokenizer;
}

unsigned eqb_model_parts(const eqb_model *m)
{
    return m->parts;
}

int32_t eqb_model_parameter_count(const eqb_model *m)
{
    return m->entries;
}

eqb_parameter eqb_model_parameter(const eqb_model *m, int32_t index)
{
    if (index < 0 || index >= m->entries) return (eqb_parameter){0};
    const eqbi_entry *e = &m->entry[index];
    return (eqb_parameter){.name = e->name,
                           .dims = e->dims,
                           .rows = e->rows,
                           .cols = e->cols,
                           .data = m->block + e->offset,
                           .gradient = m->gradients ? m->gradients + e->offset : NULL};
}
