/* The names of tensors in files; see hf_names.h. The rules apply from top to bottom. */
#include "weights/hf_names.h"

#include <string.h>

/* Wrappers of training: DataParallel, torch.compile; in any order and number. */
static const char *const wrappers[] = {"module.", "_orig_mod."};

/* BertModel alone is saved without the prefix it has inside the models with heads. */
static const char *const bare_starts[] = {"embeddings.", "encoder.", "pooler."};

typedef struct rule {
    const char *from, *to;
} rule;

/* TensorFlow's, once "bert/encoder/layer_3/..." is "bert.encoder.layer.3...". */
static const rule tensorflow_endings[] = {
    {".kernel", ".weight"},
    {".output_weights", ".weight"},
    {".output_bias", ".bias"},
    {"_embeddings", "_embeddings.weight"},
};

/* Two that PyTorch files kept from there (google-bert/bert-base-uncased has them). */
static const rule endings[] = {
    {".gamma", ".weight"},
    {".beta", ".bias"},
};

/* The MLM head's bias, which may have both names: where they differ, transformers computes with the
 * decoder's. */
static const rule preferred[] = {{"cls.predictions.decoder.bias", "cls.predictions.bias"}};

enum { MOST_ADDED = 7 /* bytes, by any of the rules */ };

static const struct {
    const char *ending;
    eqbi_name_kind kind;
} special[] = {
    {"embeddings.position_ids", EQBI_NAME_BUFFER},
    {"embeddings.token_type_ids", EQBI_NAME_BUFFER},
};

/* Parts of TensorFlow's names between slashes. */
static const char *const optimizer_parts[] = {
    "adam_m", "adam_v", "Adam", "Adam_1", "AdamWeightDecayOptimizer",
    "AdamWeightDecayOptimizer_1", "global_step", "beta1_power", "beta2_power"};

static const rule other_models[] = {
    {"roberta.", "RoBERTa"}, {"distilbert.", "DistilBERT"}, {"albert.", "ALBERT"},
    {"electra.", "ELECTRA"}, {"deberta.", "DeBERTa"},       {"mpnet.", "MPNet"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

/* Where the ending begins in name, or NULL. */
static char *find_ending(char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    char *at = name + (length < tail ? 0 : length - tail);
    return strcmp(at, ending) == 0 ? at : NULL;
}

/* True when a rule has applied. */
static bool replace_endings(char *name, const rule *rules, size_t count)
{
    bool replaced = false;
    for (size_t i = 0; i < count; i++) {
        char *at = find_ending(name, rules[i].from);
        if (!at) continue;
        strcpy(at, rules[i].to);
        replaced = true;
    }
    return replaced;
}

static const char *unwrap(const char *name)
{
    for (size_t i = 0; i < COUNT(wrappers);)
        if (starts_with(name, wrappers[i])) {
            name += strlen(wrappers[i]);
            i = 0;
        } else {
            i++;
        }
    return name;
}

static bool is_of_optimizer(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, "/");
        for (size_t i = 0; i < COUNT(optimizer_parts); i++)
            if (strlen(optimizer_parts[i]) == length &&
                strncmp(name, optimizer_parts[i], length) == 0)
                return true;
        if (name[length] == '\0') return false;
        name += length + 1;
    }
}

/* "/" -> ".", and "layer_3" -> "layer.3" */
static void replace_slashes(char *name)
{
    for (char *c = name; *c; c++)
        if (*c == '/') {
            *c = '.';
            if (starts_with(c, ".layer_")) c[strlen(".layer")] = '.';
        }
}

bool eqbi_hf_name_is_prefixed(const char *name)
{
    name = unwrap(name);
    return starts_with(name, "bert.") || starts_with(name, "bert/");
}

const char *eqbi_hf_name_of_other_model(const char *name)
{
    name = unwrap(name);
    for (size_t i = 0; i < COUNT(other_models); i++)
        if (starts_with(name, other_models[i].from)) return other_models[i].to;
    return NULL;
}

eqbi_name_kind eqbi_hf_name(char canonical[EQBI_NAME_SIZE], const char *name, bool add_bert)
{
    name = unwrap(name);
    canonical[0] = '\0';
    if (is_of_optimizer(name)) return EQBI_NAME_OPTIMIZER;
    const char *prefix = "";
    for (size_t i = 0; i < COUNT(bare_starts); i++)
        if (add_bert && starts_with(name, bare_starts[i])) prefix = "bert.";
    if (strlen(prefix) + strlen(name) + MOST_ADDED >= EQBI_NAME_SIZE) return EQBI_NAME_TENSOR;
    strcpy(canonical, prefix);
    strcat(canonical, name);
    if (strchr(name, '/')) {
        replace_slashes(canonical);
        replace_endings(canonical, tensorflow_endings, COUNT(tensorflow_endings));
    }
    replace_endings(canonical, endings, COUNT(endings));
    for (size_t i = 0; i < COUNT(special); i++)
        if (find_ending(canonical, special[i].ending)) return special[i].kind;
    return replace_endings(canonical, preferred, COUNT(preferred)) ? EQBI_NAME_PREFERRED
                                                                    : EQBI_NAME_TENSOR;
}
