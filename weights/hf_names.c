/* The names of tensors in files; see hf_names.h. The rules apply from top to bottom. */
#include "weights/hf_names.h"

#include <string.h>

/* Wrappers of training: DataParallel, torch.compile; in any order and number. */
static const char *const wrappers[] = {"module.", "_orig_mod."};

/* BertModel alone is saved without the prefix it has inside the models with heads. */
static const char *const bare_starts[] = {"embeddings.", "encoder.", "pooler."};

/* The names of the TensorFlow originals (google-bert/bert-base-uncased has them), and the second
 * name of the MLM head's bias. */
static const struct {
    const char *from, *to;
} endings[] = {
    {".gamma", ".weight"},
    {".beta", ".bias"},
    {"cls.predictions.decoder.bias", "cls.predictions.bias"},
};

static const struct {
    const char *ending;
    eqbi_name_kind kind;
} special[] = {
    {"cls.predictions.decoder.weight", EQBI_NAME_DECODER},
    {"embeddings.position_ids", EQBI_NAME_BUFFER},
    {"embeddings.token_type_ids", EQBI_NAME_BUFFER},
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

bool eqbi_hf_name_is_prefixed(const char *name)
{
    return starts_with(unwrap(name), "bert.");
}

eqbi_name_kind eqbi_hf_name(char canonical[EQBI_NAME_SIZE], const char *name, bool add_bert)
{
    name = unwrap(name);
    const char *prefix = "";
    for (size_t i = 0; i < COUNT(bare_starts); i++)
        if (add_bert && starts_with(name, bare_starts[i])) prefix = "bert.";
    canonical[0] = '\0';
    /* ".beta" -> ".bias" and ".gamma" -> ".weight" add at most one byte. */
    if (strlen(prefix) + strlen(name) + 1 >= EQBI_NAME_SIZE) return EQBI_NAME_TENSOR;
    strcpy(canonical, prefix);
    strcat(canonical, name);
    for (size_t i = 0; i < COUNT(endings); i++) {
        char *at = find_ending(canonical, endings[i].from);
        if (at) strcpy(at, endings[i].to);
    }
    for (size_t i = 0; i < COUNT(special); i++)
        if (find_ending(canonical, special[i].ending)) return special[i].kind;
    return EQBI_NAME_TENSOR;
}
