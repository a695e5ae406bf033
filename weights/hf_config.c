/* config.json; see hf_config.h. One list per kind of key serves reading and writing. */
#include "weights/hf_config.h"
#include "base/file.h"
#include "engine/model.h"

#include <float.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 20 };

/* X(key, field of eqb_config); the range of each value is eqbi_config_check's business. */
#define WHOLE_KEYS(X)                                                                            \
    X("vocab_size", vocab_size)                                                                  \
    X("hidden_size", hidden_size)                                                                \
    X("num_hidden_layers", num_layers)                                                           \
    X("num_attention_heads", num_heads)                                                          \
    X("intermediate_size", intermediate_size)                                                    \
    X("max_position_embeddings", max_positions)                                                  \
    X("type_vocab_size", type_vocab_size)                                                        \
    X("pad_token_id", pad_token_id)
#define FLOAT_KEYS(X)                                                                            \
    X("layer_norm_eps", layer_norm_eps)                                                          \
    X("initializer_range", initializer_range)                                                    \
    X("hidden_dropout_prob", hidden_dropout)                                                     \
    X("attention_probs_dropout_prob", attention_dropout)

/* transformers' ACT2FN, as far as the engine has it. The first name of an activation is the one
 * written. gelu_python is the exact form; the others are the tanh form spelled differently. */
static const struct {
    const char *name;
    eqb_activation activation;
} activations[] = {
    {"gelu", EQB_ACT_GELU},
    {"gelu_python", EQB_ACT_GELU},
    {"gelu_new", EQB_ACT_GELU_TANH},
    {"gelu_pytorch_tanh", EQB_ACT_GELU_TANH},
    {"gelu_python_tanh", EQB_ACT_GELU_TANH},
    {"gelu_fast", EQB_ACT_GELU_TANH},
    {"gelu_accurate", EQB_ACT_GELU_TANH},
    {"relu", EQB_ACT_RELU},
    {"tanh", EQB_ACT_TANH},
    {"linear", EQB_ACT_NONE},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

static eqb_status read_activation(eqb_config *c, const eqbi_json *doc, eqb_error *err)
{
    const char *name = "gelu";
    EQBI_TRY(eqbi_json_string(doc, doc->root, "hidden_act", &name, err));
    for (size_t i = 0; i < ACTIVATIONS; i++) {
        if (strcmp(activations[i].name, name) != 0) continue;
        c->hidden_act = activations[i].activation;
        return EQB_OK;
    }
    return eqbi_json_fail(doc, err,
                          "key \"hidden_act\" is \"%.40s\", expected gelu, gelu_new, gelu_fast, "
                          "gelu_pytorch_tanh, relu, tanh or linear",
                          name);
}

/* Refuses by name what a key can say that this engine does not compute. */
static eqb_status refuse_variants(const eqbi_json *doc, eqb_error *err)
{
    static const struct {
        const char *key, *only;
    } fixed[] = {{"model_type", "bert"}, {"position_embedding_type", "absolute"}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const char *value = fixed[i].only;
        EQBI_TRY(eqbi_json_string(doc, doc->root, fixed[i].key, &value, err));
        if (strcmp(value, fixed[i].only) != 0)
            return eqbi_json_fail(doc, err, "key \"%s\" is \"%.40s\", only \"%s\" is supported",
                                  fixed[i].key, value, fixed[i].only);
    }
    static const char *const off[] = {"is_decoder", "add_cross_attention", "is_encoder_decoder"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        bool value = false;
        EQBI_TRY(eqbi_json_bool(doc, doc->root, off[i], &value, err));
        if (value)
            return eqbi_json_fail(doc, err, "key \"%s\" is true, only false is supported", off[i]);
    }
    const eqbi_json_value *pruned = eqbi_json_get(doc->root, "pruned_heads");
    if (pruned && eqbi_json_first(pruned))
        return eqbi_json_fail(doc, err, "key \"pruned_heads\" is not empty, which is unsupported");
    return EQB_OK;
}

static eqb_status read_whole(int32_t *out, const eqbi_json *doc, const char *key, eqb_error *err)
{
    int64_t value = *out;
    EQBI_TRY(eqbi_json_int(doc, doc->root, key, 0, INT32_MAX, &value, err));
    *out = (int32_t)value;
    return EQB_OK;
}

static eqb_status read_float(float *out, const eqbi_json *doc, const char *key, eqb_error *err)
{
    double value = (double)*out;
    EQBI_TRY(eqbi_json_double(doc, doc->root, key, 0.0, FLT_MAX, &value, err));
    *out = (float)value;
    return EQB_OK;
}

eqb_status eqbi_hf_config_read(eqb_config *c, const eqbi_json *doc, eqb_error *err)
{
    if (eqbi_json_type(doc->root) != EQBI_JSON_OBJECT)
        return eqbi_json_fail(doc, err, "expected an object");
    EQBI_TRY(refuse_variants(doc, err));
    eqb_config_default(c);
#define X(key, field) EQBI_TRY(read_whole(&c->field, doc, key, err));
    WHOLE_KEYS(X)
#undef X
#define X(key, field) EQBI_TRY(read_float(&c->field, doc, key, err));
    FLOAT_KEYS(X)
#undef X
    if (eqbi_json_is_null(doc->root, "pad_token_id")) c->pad_token_id = -1; /* Python's None */
    EQBI_TRY(read_activation(c, doc, err));
    bool tied = true;
    EQBI_TRY(eqbi_json_bool(doc, doc->root, "tie_word_embeddings", &tied, err));
    c->untied_decoder = !tied;
    return eqbi_config_check(c, doc->where, err);
}

static eqb_status no_config(const char *dir, eqb_error *err)
{
    char inside[4096];
    EQBI_TRY(eqbi_join(inside, dir, ".", err));
    if (!eqbi_file_exists(inside))
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: is a file, expected the directory of a model",
                         dir);
    return eqbi_fail(err, EQB_ERR_MODEL, "%s: has no config.json", dir);
}

eqb_status eqbi_hf_config_load(eqb_config *out, const char *dir, const eqb_allocator *allocator,
                               eqb_error *err)
{
    char path[4096];
    eqbi_json doc = {.where = "config.json", .fault = EQB_ERR_MODEL};
    EQBI_TRY(eqbi_join(path, dir, doc.where, err));
    if (!eqbi_file_exists(path)) {
        doc.where = "bert_config.json";
        EQBI_TRY(eqbi_join(path, dir, doc.where, err));
        if (!eqbi_file_exists(path)) return no_config(dir, err);
    }
    EQBI_TRY(eqbi_json_read(&doc, dir, LARGEST_FILE, allocator, err));
    eqb_status status = eqbi_hf_config_read(out, &doc, err);
    eqbi_json_free(&doc);
    return status;
}

static void write_whole(eqbi_text *text, const char *key, int32_t value)
{
    if (value < 0)
        eqbi_text_print(text, "  \"%s\": null,\n", key);
    else
        eqbi_text_print(text, "  \"%s\": %d,\n", key, value);
}

static void write_float(eqbi_text *text, const char *key, float value)
{
    eqbi_text_print(text, "  \"%s\": ", key);
    eqbi_text_json_float(text, value);
    eqbi_text_print(text, ",\n");
}

static const char *architecture(unsigned parts)
{
    if (!(parts & EQB_PART_MLM))
        return parts & EQB_PART_NSP ? "BertForNextSentencePrediction" : "BertModel";
    return parts & EQB_PART_NSP ? "BertForPreTraining" : "BertForMaskedLM";
}

void eqbi_hf_config_write(eqbi_text *text, const eqb_config *c, unsigned parts, eqb_dtype dtype)
{
    const char *activation = NULL;
    for (size_t i = 0; i < ACTIVATIONS && !activation; i++)
        if (activations[i].activation == c->hidden_act) activation = activations[i].name;
    eqbi_text_print(text, "{\n  \"architectures\": [\n    \"%s\"\n  ],\n"
                          "  \"model_type\": \"bert\",\n", architecture(parts));
    if (dtype != EQB_F32)
        eqbi_text_print(text, "  \"torch_dtype\": \"%s\",\n",
                        dtype == EQB_F16 ? "float16" : "bfloat16");
#define X(key, field) write_whole(text, key, c->field);
    WHOLE_KEYS(X)
#undef X
#define X(key, field) write_float(text, key, c->field);
    FLOAT_KEYS(X)
#undef X
    eqbi_text_print(text,
                    "  \"hidden_act\": \"%s\",\n"
                    "  \"classifier_dropout\": null,\n"
                    "  \"is_decoder\": false,\n"
                    "  \"position_embedding_type\": \"absolute\",\n"
                    "  \"tie_word_embeddings\": %s,\n"
                    "  \"use_cache\": true\n}\n",
                    activation, c->untied_decoder ? "false" : "true");
}
