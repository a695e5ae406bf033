/* Matching tensors with entries; see hf_match.h. */
#include "weights/hf_match.h"

#include "weights/convert_dtype.h"
#include "weights/hf_names.h"

#include <stdlib.h>
#include <string.h>

/* Whether the files hold a bare encoder, whose names lack "bert.". */
static bool is_bare(const eqbi_weights *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (eqbi_hf_name_is_prefixed(w->tensor[i]->name)) return false;
    return true;
}

eqbi_decoder eqbi_match_decoder(eqb_config *config, const eqbi_weights *w)
{
    const eqbi_file_tensor *word = NULL, *decoder = NULL;
    bool bare = is_bare(w), wanted = config->untied_decoder;
    for (size_t i = 0; i < w->count; i++) {
        char name[EQBI_NAME_SIZE];
        eqbi_hf_name(name, w->tensor[i]->name, bare);
        if (!word && strcmp(name, EQBI_WORD_EMBEDDINGS) == 0) word = w->tensor[i];
        if (!decoder && strcmp(name, EQBI_DECODER) == 0) decoder = w->tensor[i];
    }
    config->untied_decoder = decoder && (wanted || (word && !eqbi_same_tensor(decoder, word)));
    if (wanted) return decoder ? EQBI_DECODER_OWN : EQBI_DECODER_MISSING;
    return config->untied_decoder ? EQBI_DECODER_DIFFERS : EQBI_DECODER_TIED;
}

eqb_status eqbi_match_size(const eqb_config *c, const eqbi_weights *weights, eqb_error *err)
{
    double h = c->hidden_size, f = c->intermediate_size, layers = c->num_layers;
    double words = (double)c->vocab_size * (c->untied_decoder ? 2 : 1);
    double vectors = words + c->max_positions + c->type_vocab_size;
    double parameters = h * vectors + layers * h * (4 * h + 2 * f) + 2 * h * h;
    /* Half-precision files without heads need a little more than twice their size. */
    double most = 2.5 * (double)weights->size + (1 << 20);
    if (parameters * sizeof(float) <= most) return EQB_OK;
    return eqbi_fail(err, EQB_ERR_MODEL,
                     "config.json describes %.0f parameters, %s has only %zu bytes", parameters,
                     weights->where, weights->size);
}

bool eqbi_same_tensor(const eqbi_file_tensor *a, const eqbi_file_tensor *b)
{
    return a->dtype == b->dtype && a->transposed == b->transposed && a->size == b->size &&
           (a->data == b->data || memcmp(a->data, b->data, a->size) == 0);
}

static int by_name(const void *a, const void *b)
{
    const eqbi_entry *x = *(const eqbi_entry *const *)a, *y = *(const eqbi_entry *const *)b;
    return strcmp(x->name, y->name);
}

/* The entry of this canonical name, or -1; order holds all entries, sorted by name. */
static int32_t find_entry(const eqb_model *model, const eqbi_entry **order, const char *name)
{
    eqbi_entry wanted;
    const eqbi_entry *key = &wanted;
    strcpy(wanted.name, name);
    const eqbi_entry **found =
        bsearch(&key, order, (size_t)model->entries, sizeof *order, by_name);
    return found ? (int32_t)(*found - model->entry) : -1;
}

/* entry: -1 for those that have none */
static void match_one(eqbi_match *match, size_t i, const eqbi_file_tensor *t, eqbi_name_kind kind,
                      int32_t entry)
{
    eqbi_fate fate = EQBI_FATE_UNUSED;
    if (kind == EQBI_NAME_BUFFER || kind == EQBI_NAME_OPTIMIZER) {
        fate = EQBI_FATE_IGNORED;
        entry = -1;
    } else if (entry >= 0) {
        fate = match->source[entry] ? EQBI_FATE_SECOND : EQBI_FATE_USED;
        if (fate == EQBI_FATE_USED) match->source[entry] = t;
    }
    match->of[i] = (eqbi_tensor_match){fate, entry};
}

/* Matches the tensors whose names are preferred, or the others. */
static void match_all(eqbi_match *match, const eqbi_weights *w, const eqb_model *model,
                      const eqbi_entry **order, bool preferred)
{
    bool bare = is_bare(w);
    for (size_t i = 0; i < w->count; i++) {
        char name[EQBI_NAME_SIZE];
        eqbi_name_kind kind = eqbi_hf_name(name, w->tensor[i]->name, bare);
        if ((kind == EQBI_NAME_PREFERRED) != preferred) continue;
        bool tied = !model->config.untied_decoder && strcmp(name, EQBI_DECODER) == 0;
        int32_t entry = find_entry(model, order, tied ? EQBI_WORD_EMBEDDINGS : name);
        match_one(match, i, w->tensor[i], kind, entry);
    }
}

eqb_status eqbi_match_tensors(eqbi_match *out, const eqbi_weights *w, const eqb_model *model,
                              eqb_error *err)
{
    const eqb_allocator *a = w->allocator;
    size_t entries = (size_t)model->entries;
    *out = (eqbi_match){.tensors = w->count, .entries = entries, .allocator = a};
    out->of = eqbi_alloc(a, w->count, sizeof *out->of);
    out->source = eqbi_calloc(a, entries, sizeof *out->source);
    const eqbi_entry **order = eqbi_alloc(a, entries, sizeof *order);
    if (!out->of || !out->source || !order) {
        eqbi_match_free(out);
        eqbi_free(a, order, entries, sizeof *order);
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a list of tensors");
    }
    for (size_t i = 0; i < entries; i++) order[i] = &model->entry[i];
    qsort(order, entries, sizeof *order, by_name);
    match_all(out, w, model, order, true);
    match_all(out, w, model, order, false);
    eqbi_free(a, order, entries, sizeof *order);
    return EQB_OK;
}

void eqbi_match_free(eqbi_match *match)
{
    eqbi_free(match->allocator, match->of, match->tensors, sizeof *match->of);
    eqbi_free(match->allocator, match->source, match->entries, sizeof *match->source);
    *match = (eqbi_match){0};
}

eqb_status eqbi_match_check(const eqbi_entry *e, const eqbi_file_tensor *t, const char *file,
                            eqb_error *err)
{
    if (!eqbi_convertible(t->dtype))
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s is %s, expected F32, F16, BF16 or F64", file,
                         t->name, eqbi_dtype_name(t->dtype));
    const uint64_t shape[2] = {(uint64_t)e->rows, (uint64_t)e->cols};
    const uint64_t *wanted = e->dims == 1 ? shape + 1 : shape;
    size_t bytes = (size_t)e->dims * sizeof *wanted;
    if (t->dims == e->dims && memcmp(t->shape, wanted, bytes) == 0) return EQB_OK;
    char found[EQBI_SHAPE_TEXT], expected[EQBI_SHAPE_TEXT];
    eqbi_show_shape(found, t->shape, t->dims);
    eqbi_show_shape(expected, wanted, e->dims);
    return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s is [%s], expected [%s]", file, t->name, found,
                     expected);
}

eqb_status eqbi_match_complete(const eqbi_match *match, const eqbi_weights *w,
                               const eqb_model *model, eqb_error *err)
{
    int32_t missing = 0;
    while (missing < model->entries && (match->source[missing] || model->entry[missing].part != 0))
        missing++;
    if (missing == model->entries) return EQB_OK;
    for (size_t i = 0; i < w->count; i++) {
        const char *other = eqbi_hf_name_of_other_model(w->tensor[i]->name);
        if (other)
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: holds %s (%.100s), only BERT is supported",
                             w->where, other, w->tensor[i]->name);
    }
    return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s is missing", w->where, model->entry[missing].name);
}
