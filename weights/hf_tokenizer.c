/* Loading a tokenizer from vocab.txt or tokenizer.json; see hf_tokenizer.h.
 *
 * The rules are those of transformers 5, found by trying. The vocabulary is tokenizer.json's, or
 * vocab.txt when there is none. A tokenizer of class BertTokenizer (also the default) takes its
 * three switches from tokenizer_config.json, and a switch that is not there has its default,
 * whatever tokenizer.json says; one of class PreTrainedTokenizerFast or TokenizersBackend is what
 * tokenizer.json says. Added tokens are those of tokenizer_config.json if it has a list of them,
 * else those of added_tokens.json and, where ids agree, of tokenizer.json; then special ones.    */
#include "weights/hf_tokenizer.h"
#include "base/file.h"
#include "weights/hf_added.h"
#include "weights/tensor_file.h"

#include <string.h>

/* cJSON needs about 80 bytes a value; the multilingual BERT has a tokenizer.json of 3 MB. */
enum { LARGEST_JSON = 32 << 20, LARGEST_VOCAB = 64 << 20 };

typedef struct loader {
    const char *dir;
    const eqb_allocator *allocator;
    eqbi_json config, specials, added, json; /* root NULL: there is no such file */
    eqb_tokenizer_options options;
    bool json_rules; /* tokenizer.json decides everything */
    eqbi_added_list list;
    eqb_error *err;
} loader;

static bool exists(const char *dir, const char *name)
{
    char path[4096];
    return eqbi_join(path, dir, name, NULL) == EQB_OK && eqbi_file_exists(path);
}

bool eqbi_hf_tokenizer_exists(const char *dir)
{
    return exists(dir, "vocab.txt") || exists(dir, "tokenizer.json");
}

/* Opens dir/name when it exists, which must then be an object. */
static eqb_status open_optional(loader *l, eqbi_json *doc, const char *name)
{
    *doc = (eqbi_json){.where = name, .fault = EQB_ERR_MODEL};
    if (!exists(l->dir, name)) return EQB_OK;
    EQBI_TRY(eqbi_json_read(doc, l->dir, LARGEST_JSON, l->allocator, l->err));
    if (eqbi_json_type(doc->root) == EQBI_JSON_OBJECT) return EQB_OK;
    return eqbi_json_fail(doc, l->err, "expected an object");
}

/* ---------------------------------------------------------------------------------- settings -- */

/* A special token is a string or an object with the string as its content. BERT's five have fixed
 * names here, as in nearly every published BERT. */
static eqb_status check_special_names(const eqbi_json *doc, eqb_error *err)
{
    static const struct {
        const char *key, *token;
    } special[] = {{"unk_token", "[UNK]"}, {"cls_token", "[CLS]"}, {"sep_token", "[SEP]"},
                   {"pad_token", "[PAD]"}, {"mask_token", "[MASK]"}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        const char *token = special[i].token;
        const eqbi_json_value *v = eqbi_json_get(doc->root, special[i].key);
        if (v && eqbi_json_type(v) == EQBI_JSON_OBJECT)
            EQBI_TRY(eqbi_json_string(doc, v, "content", &token, err));
        else
            EQBI_TRY(eqbi_json_string(doc, doc->root, special[i].key, &token, err));
        if (strcmp(token, special[i].token) != 0)
            return eqbi_json_fail(doc, err, "key \"%s\" is \"%.40s\", only \"%s\" is supported",
                                  special[i].key, token, special[i].token);
    }
    return EQB_OK;
}

static eqb_status read_class(bool *json_rules, const eqbi_json *doc, eqb_error *err)
{
    static const struct {
        const char *name;
        bool json_rules;
    } classes[] = {{"BertTokenizer", false},        {"BertTokenizerFast", false},
                   {"DistilBertTokenizer", false},  {"DistilBertTokenizerFast", false},
                   {"ElectraTokenizer", false},     {"ElectraTokenizerFast", false},
                   {"PreTrainedTokenizer", true},   {"PreTrainedTokenizerFast", true},
                   {"TokenizersBackend", true}};
    const char *name = classes[0].name;
    EQBI_TRY(eqbi_json_string(doc, doc->root, "tokenizer_class", &name, err));
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(classes[i].name, name) != 0) continue;
        *json_rules = classes[i].json_rules;
        return EQB_OK;
    }
    return eqbi_json_fail(doc, err, "key \"tokenizer_class\" is \"%.60s\", which is not BERT's",
                          name);
}

/* The three switches, under the names of tokenizer_config.json or of a BertNormalizer. */
static eqb_status read_switches(eqb_tokenizer_options *o, const eqbi_json *doc,
                                const eqbi_json_value *object, const char *lowercase_key,
                                const char *chinese_key, eqb_error *err)
{
    bool strip = false;
    EQBI_TRY(eqbi_json_bool(doc, object, lowercase_key, &o->lowercase, err));
    EQBI_TRY(eqbi_json_bool(doc, object, chinese_key, &o->split_chinese, err));
    EQBI_TRY(eqbi_json_bool(doc, object, "strip_accents", &strip, err));
    if (eqbi_json_get(object, "strip_accents")) o->strip_accents = strip;
    return EQB_OK;
}

static eqb_status read_settings(loader *l)
{
    const eqbi_json *config = &l->config;
    if (config->root) {
        EQBI_TRY(read_class(&l->json_rules, config, l->err));
        EQBI_TRY(read_switches(&l->options, config, config->root, "do_lower_case",
                               "tokenize_chinese_chars", l->err));
        EQBI_TRY(check_special_names(config, l->err));
    }
    return l->specials.root ? check_special_names(&l->specials, l->err) : EQB_OK;
}

/* ---------------------------------------------------------------------------- tokenizer.json -- */

/* An object's "type" must be this one; absent counts as right when it may. */
static eqb_status check_type(const eqbi_json *doc, const char *key, const char *type,
                             bool may_be_absent, eqb_error *err)
{
    const char *found = may_be_absent ? type : "missing";
    const eqbi_json_value *object = eqbi_json_get(doc->root, key);
    if (object) EQBI_TRY(eqbi_json_string(doc, object, "type", &found, err));
    if (strcmp(found, type) == 0) return EQB_OK;
    return eqbi_json_fail(doc, err, "the %s is %.60s, only %s is supported", key, found, type);
}

static eqb_status read_json_rules(eqb_tokenizer_options *o, const eqbi_json *doc, eqb_error *err)
{
    EQBI_TRY(check_type(doc, "normalizer", "BertNormalizer", false, err));
    EQBI_TRY(check_type(doc, "pre_tokenizer", "BertPreTokenizer", false, err));
    const eqbi_json_value *normalizer = eqbi_json_get(doc->root, "normalizer");
    bool clean = true;
    EQBI_TRY(eqbi_json_bool(doc, normalizer, "clean_text", &clean, err));
    if (!clean)
        return eqbi_json_fail(doc, err, "key \"clean_text\" is false, only true is supported");
    o->strip_accents = -1;
    EQBI_TRY(read_switches(o, doc, normalizer, "lowercase", "handle_chinese_chars", err));
    int64_t longest = o->max_word_chars;
    EQBI_TRY(eqbi_json_int(doc, eqbi_json_get(doc->root, "model"), "max_input_chars_per_word", 1,
                           INT32_MAX, &longest, err));
    o->max_word_chars = (int32_t)longest;
    return EQB_OK;
}

/* The tokens of {"token": id, ...} by id. Distinct ids below the number of tokens leave no gap. */
static eqb_status sort_tokens(const char **token, size_t count, const eqbi_json *doc,
                              const eqbi_json_value *vocab, eqb_error *err)
{
    for (const eqbi_json_value *v = eqbi_json_first(vocab); v; v = eqbi_json_next(v)) {
        int64_t id;
        const char *text = eqbi_json_key(v);
        if (!eqbi_json_whole(v, 0, (int64_t)count - 1, &id))
            return eqbi_json_fail(doc, err, "token \"%.80s\": expected an id from 0 to %zu", text,
                                  count - 1);
        if (token[id])
            return eqbi_json_fail(doc, err, "tokens \"%.80s\" and \"%.80s\" both have id %zu",
                                  token[id], text, (size_t)id);
        if (strchr(text, '\n'))
            return eqbi_json_fail(doc, err, "token %zu contains a line break", (size_t)id);
        token[id] = text;
    }
    return EQB_OK;
}

/* The two settings of the model that are BERT's everywhere. */
static eqb_status check_model(const eqbi_json *doc, const eqbi_json_value *model, eqb_error *err)
{
    static const char *const fixed[][2] = {{"unk_token", "[UNK]"},
                                           {"continuing_subword_prefix", "##"}};
    for (size_t i = 0; i < 2; i++) {
        const char *found = fixed[i][1];
        EQBI_TRY(eqbi_json_string(doc, model, fixed[i][0], &found, err));
        if (strcmp(found, fixed[i][1]) != 0)
            return eqbi_json_fail(doc, err, "key \"%s\" is \"%.40s\", only \"%s\" is supported",
                                  fixed[i][0], found, fixed[i][1]);
    }
    return EQB_OK;
}

/* Lists the vocabulary as the lines of a vocab.txt. */
static eqb_status list_vocab(loader *l, const eqbi_json_value *vocab, eqbi_text *lines)
{
    const eqbi_json *doc = &l->json;
    size_t count = 0;
    for (const eqbi_json_value *v = eqbi_json_first(vocab); v; v = eqbi_json_next(v)) count++;
    const char **token = eqbi_calloc(l->allocator, count, sizeof *token);
    eqb_status status = token ? sort_tokens(token, count, doc, vocab, l->err) : EQB_ERR_NOMEM;
    for (size_t i = 0; i < count && status == EQB_OK; i++) {
        eqbi_text_put(lines, token[i], strlen(token[i]));
        eqbi_text_put(lines, "\n", 1);
    }
    eqbi_free(l->allocator, token, count, sizeof *token);
    if (status != EQB_ERR_NOMEM && !lines->failed) return status;
    return eqbi_fail(l->err, EQB_ERR_NOMEM, "%s: no memory for %zu tokens", doc->where, count);
}

static eqb_status tokenizer_from_json(eqb_tokenizer **out, loader *l)
{
    const eqbi_json *doc = &l->json;
    EQBI_TRY(check_type(doc, "model", "WordPiece", true, l->err));
    if (l->json_rules) EQBI_TRY(read_json_rules(&l->options, doc, l->err));
    const eqbi_json_value *model = eqbi_json_get(doc->root, "model");
    const eqbi_json_value *vocab = eqbi_json_get(model, "vocab");
    if (!vocab || eqbi_json_type(vocab) != EQBI_JSON_OBJECT || !eqbi_json_first(vocab))
        return eqbi_json_fail(doc, l->err,
                              "key \"vocab\" of the model is no object with tokens");
    EQBI_TRY(check_model(doc, model, l->err));
    eqbi_text lines = {.allocator = l->allocator};
    eqb_status status = list_vocab(l, vocab, &lines);
    if (status == EQB_OK)
        status = eqb_tokenizer_new(out, lines.data, lines.size, &l->options, l->err);
    eqbi_text_free(&lines);
    return status;
}

/* --------------------------------------------------------------------------------- vocab.txt -- */

static eqb_status tokenizer_from_vocab(eqb_tokenizer **out, loader *l)
{
    char path[4096], *text;
    size_t size;
    EQBI_TRY(eqbi_join(path, l->dir, "vocab.txt", l->err));
    EQBI_TRY(eqbi_file_read(&text, &size, path, LARGEST_VOCAB, l->allocator, l->err));
    eqb_status status =
        eqbi_refuse_mistaken((unsigned char *)text, size, "vocab.txt", l->err);
    if (status == EQB_OK) status = eqb_tokenizer_new(out, text, size, &l->options, l->err);
    eqbi_free(l->allocator, text, size + 1, 1);
    return status;
}

/* ------------------------------------------------------------------------------ added tokens -- */

static eqb_status read_added(loader *l, eqb_tokenizer *t)
{
    const struct {
        const eqbi_json *doc;
        const char *key;
    } special[] = {{&l->config, "additional_special_tokens"},
                   {&l->config, "extra_special_tokens"},
                   {&l->specials, "additional_special_tokens"}};
    const eqbi_json_value *decoder = NULL, *array = NULL;
    if (l->config.root && !l->json_rules)
        decoder = eqbi_json_get(l->config.root, "added_tokens_decoder");
    if (l->json.root && !decoder) array = eqbi_json_get(l->json.root, "added_tokens");
    EQBI_TRY(eqbi_added_decoder(&l->list, &l->config, decoder, l->err));
    if (!decoder && !l->json_rules)
        EQBI_TRY(eqbi_added_map(&l->list, &l->added, l->added.root, l->err));
    EQBI_TRY(eqbi_added_array(&l->list, &l->json, array, l->err));
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        const eqbi_json *doc = special[i].doc;
        const eqbi_json_value *v = doc->root ? eqbi_json_get(doc->root, special[i].key) : NULL;
        EQBI_TRY(eqbi_added_special(&l->list, doc, v, t, l->err));
    }
    return eqbi_added_give(&l->list, t, l->err);
}

static eqb_status load(eqb_tokenizer **out, loader *l)
{
    EQBI_TRY(open_optional(l, &l->config, "tokenizer_config.json"));
    EQBI_TRY(open_optional(l, &l->specials, "special_tokens_map.json"));
    EQBI_TRY(open_optional(l, &l->added, "added_tokens.json"));
    EQBI_TRY(open_optional(l, &l->json, "tokenizer.json"));
    EQBI_TRY(read_settings(l));
    EQBI_TRY(l->json.root ? tokenizer_from_json(out, l) : tokenizer_from_vocab(out, l));
    return read_added(l, *out);
}

eqb_status eqb_tokenizer_load(eqb_tokenizer **out, const char *dir, const eqb_allocator *allocator,
                              eqb_error *err)
{
    *out = NULL;
    loader l = {.dir = dir, .allocator = allocator, .list = {.allocator = allocator}, .err = err};
    eqb_tokenizer_options_default(&l.options);
    l.options.allocator = allocator;
    if (!eqbi_hf_tokenizer_exists(dir))
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: has neither vocab.txt nor tokenizer.json", dir);
    eqb_status status = load(out, &l);
    eqbi_added_free(&l.list);
    eqbi_json *const docs[] = {&l.config, &l.specials, &l.added, &l.json};
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) eqbi_json_free(docs[i]);
    if (status != EQB_OK) {
        eqb_tokenizer_free(*out);
        *out = NULL;
    }
    return status;
}
