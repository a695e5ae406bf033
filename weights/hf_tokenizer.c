/* Loading a tokenizer from vocab.txt or tokenizer.json; see hf_tokenizer.h.
 *
 * The rules are those of transformers 5, found by trying: a tokenizer of class BertTokenizer (also
 * the default) takes its three switches from tokenizer_config.json, and a switch that is not there
 * has its default, whatever tokenizer.json says; one of class PreTrainedTokenizerFast or
 * TokenizersBackend is what tokenizer.json says. One difference: where vocab.txt and tokenizer.json
 * both exist, BertTokenizer reads the vocabulary of vocab.txt here, of tokenizer.json there.     */
#include "weights/hf_tokenizer.h"
#include "base/file.h"
#include "weights/json.h"

#include <string.h>

/* cJSON needs about 80 bytes a value; the multilingual BERT has a tokenizer.json of 3 MB. */
enum { LARGEST_JSON = 32 << 20, LARGEST_VOCAB = 64 << 20 };

typedef struct settings {
    eqb_tokenizer_options options;
    bool json_rules; /* tokenizer.json decides everything */
} settings;

static bool exists(const char *dir, const char *name)
{
    char path[4096];
    return eqbi_join(path, dir, name, NULL) == EQB_OK && eqbi_file_exists(path);
}

bool eqbi_hf_tokenizer_exists(const char *dir)
{
    return exists(dir, "vocab.txt") || exists(dir, "tokenizer.json");
}

/* Opens dir/doc->where when it exists; doc->root stays NULL when it does not. */
static eqb_status read_optional(eqbi_json *doc, const char *dir, const eqb_allocator *allocator,
                                eqb_error *err)
{
    if (!exists(dir, doc->where)) return EQB_OK;
    EQBI_TRY(eqbi_json_read(doc, dir, LARGEST_JSON, allocator, err));
    if (eqbi_json_type(doc->root) == EQBI_JSON_OBJECT) return EQB_OK;
    eqb_status status = eqbi_json_fail(doc, err, "expected an object");
    eqbi_json_free(doc);
    return status;
}

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

static eqb_status read_settings(settings *s, const char *dir, eqb_error *err)
{
    const eqb_allocator *allocator = s->options.allocator;
    eqbi_json doc = {.where = "tokenizer_config.json", .fault = EQB_ERR_MODEL};
    EQBI_TRY(read_optional(&doc, dir, allocator, err));
    eqb_status status = EQB_OK;
    if (doc.root) {
        status = read_class(&s->json_rules, &doc, err);
        if (status == EQB_OK)
            status = read_switches(&s->options, &doc, doc.root, "do_lower_case",
                                   "tokenize_chinese_chars", err);
        if (status == EQB_OK) status = check_special_names(&doc, err);
        eqbi_json_free(&doc);
    }
    if (status != EQB_OK) return status;
    doc.where = "special_tokens_map.json";
    EQBI_TRY(read_optional(&doc, dir, allocator, err));
    if (doc.root) status = check_special_names(&doc, err);
    eqbi_json_free(&doc);
    return status;
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

/* Tokens added after training are matched before all else by transformers, which is not done here:
 * all but BERT's own would be split differently. */
static eqb_status check_added(const eqbi_json *doc, const char *const *token, size_t count,
                              eqb_error *err)
{
    const eqbi_json_value *added = eqbi_json_get(doc->root, "added_tokens");
    if (!added) return EQB_OK;
    for (const eqbi_json_value *v = eqbi_json_first(added); v; v = eqbi_json_next(v)) {
        const char *text = "";
        int64_t id = -1;
        EQBI_TRY(eqbi_json_string(doc, v, "content", &text, err));
        EQBI_TRY(eqbi_json_int(doc, v, "id", 0, INT32_MAX, &id, err));
        if (id < 0 || (size_t)id >= count || strcmp(token[id], text) != 0)
            return eqbi_json_fail(doc, err, "added token \"%.80s\" is not in the vocabulary", text);
    }
    return EQB_OK;
}

static eqb_status tokenizer_from_json(eqb_tokenizer **out, const eqbi_json *doc, settings *s,
                                      eqb_error *err)
{
    EQBI_TRY(check_type(doc, "model", "WordPiece", true, err));
    if (s->json_rules) EQBI_TRY(read_json_rules(&s->options, doc, err));
    const eqbi_json_value *vocab = eqbi_json_get(eqbi_json_get(doc->root, "model"), "vocab");
    if (!vocab || eqbi_json_type(vocab) != EQBI_JSON_OBJECT || !eqbi_json_first(vocab))
        return eqbi_json_fail(doc, err, "key \"vocab\" of the model is no object with tokens");
    size_t count = 0;
    for (const eqbi_json_value *v = eqbi_json_first(vocab); v; v = eqbi_json_next(v)) count++;
    const char **token = eqbi_calloc(s->options.allocator, count, sizeof *token);
    eqbi_text lines = {.allocator = s->options.allocator};
    eqb_status status = token ? sort_tokens(token, count, doc, vocab, err) : EQB_ERR_NOMEM;
    if (status == EQB_OK) status = check_added(doc, token, count, err);
    for (size_t i = 0; i < count && status == EQB_OK; i++) {
        eqbi_text_put(&lines, token[i], strlen(token[i]));
        eqbi_text_put(&lines, "\n", 1);
    }
    if (status == EQB_ERR_NOMEM || lines.failed)
        status = eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for %zu tokens", doc->where, count);
    if (status == EQB_OK)
        status = eqb_tokenizer_new(out, lines.data, lines.size, &s->options, err);
    eqbi_text_free(&lines);
    eqbi_free(s->options.allocator, token, count, sizeof *token);
    return status;
}

static eqb_status load_json(eqb_tokenizer **out, const char *dir, settings *s, eqb_error *err)
{
    eqbi_json doc = {.where = "tokenizer.json", .fault = EQB_ERR_MODEL};
    EQBI_TRY(read_optional(&doc, dir, s->options.allocator, err));
    eqb_status status = tokenizer_from_json(out, &doc, s, err);
    eqbi_json_free(&doc);
    return status;
}

/* --------------------------------------------------------------------------------- vocab.txt -- */

/* added_tokens.json: {"[NEW]": 30522}; see check_added. */
static eqb_status check_added_file(const eqb_tokenizer *t, const char *dir,
                                   const eqb_allocator *allocator, eqb_error *err)
{
    eqbi_json doc = {.where = "added_tokens.json", .fault = EQB_ERR_MODEL};
    EQBI_TRY(read_optional(&doc, dir, allocator, err));
    if (!doc.root) return EQB_OK;
    eqb_status status = EQB_OK;
    const eqbi_json_value *v = eqbi_json_first(doc.root);
    for (; v && status == EQB_OK; v = eqbi_json_next(v)) {
        const char *text = eqbi_json_key(v);
        if (eqb_tokenizer_id(t, text, strlen(text)) < 0)
            status = eqbi_json_fail(&doc, err, "added token \"%.80s\" is not in vocab.txt", text);
    }
    eqbi_json_free(&doc);
    return status;
}

static eqb_status load_vocab(eqb_tokenizer **out, const char *dir, const settings *s,
                             eqb_error *err)
{
    const eqb_allocator *allocator = s->options.allocator;
    char path[4096], *text;
    size_t size;
    EQBI_TRY(eqbi_join(path, dir, "vocab.txt", err));
    EQBI_TRY(eqbi_file_read(&text, &size, path, LARGEST_VOCAB, allocator, err));
    eqb_status status = eqb_tokenizer_new(out, text, size, &s->options, err);
    eqbi_free(allocator, text, size + 1, 1);
    if (status == EQB_OK) status = check_added_file(*out, dir, allocator, err);
    if (status != EQB_OK) {
        eqb_tokenizer_free(*out);
        *out = NULL;
    }
    return status;
}

eqb_status eqb_tokenizer_load(eqb_tokenizer **out, const char *dir, const eqb_allocator *allocator,
                              eqb_error *err)
{
    *out = NULL;
    settings s = {0};
    eqb_tokenizer_options_default(&s.options);
    s.options.allocator = allocator;
    if (!eqbi_hf_tokenizer_exists(dir))
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: has neither vocab.txt nor tokenizer.json", dir);
    EQBI_TRY(read_settings(&s, dir, err));
    bool json = exists(dir, "tokenizer.json");
    if (exists(dir, "vocab.txt") && !(json && s.json_rules)) return load_vocab(out, dir, &s, err);
    return load_json(out, dir, &s, err);
}
