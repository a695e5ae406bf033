/* Reading lists of added tokens; see hf_added.h.
 *
 * Where a list gives no flags, transformers' apply: tokens of added_tokens.json are normalized,
 * special tokens are not. "lstrip" and "rstrip" change nothing here: BERT drops spaces anyway.   */
#include "weights/hf_added.h"

#include "tokenizer/text_table.h"

#include <stdlib.h>
#include <string.h>

static eqb_status no_memory(eqb_error *err)
{
    return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for added tokens");
}

static eqb_status put(eqbi_added_list *added, const eqbi_json *doc, eqbi_added_token token,
                      eqb_error *err)
{
    if (strlen(token.text) > EQBI_LONGEST_ADDED)
        return eqbi_json_fail(doc, err, "added token \"%.80s...\" has more than %d bytes",
                              token.text, EQBI_LONGEST_ADDED);
    if (!eqbi_grow(added->allocator, (void **)&added->list, &added->capacity, added->count + 1,
                   sizeof *added->list))
        return no_memory(err);
    token.order = added->count;
    added->list[added->count++] = token;
    return EQB_OK;
}

static int by_id(const void *a, const void *b)
{
    const eqbi_added_token *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Puts the list in the order of ids, and keeps the last of those with the same one. */
static void settle(eqbi_added_list *added)
{
    size_t kept = 0;
    if (added->count == 0) return;
    qsort(added->list, added->count, sizeof *added->list, by_id);
    for (size_t i = 1; i < added->count; i++) {
        if (added->list[i].id != added->list[kept].id) kept++;
        added->list[kept] = added->list[i];
    }
    added->count = kept + 1;
    for (size_t i = 0; i < added->count; i++) added->list[i].order = i;
}

/* {"content": "[NEW]", "normalized": false, "single_word": false, "special": true, ...} */
static eqb_status read_token(eqbi_added_token *token, const eqbi_json *doc,
                             const eqbi_json_value *object, eqb_error *err)
{
    bool single_word = false;
    EQBI_TRY(eqbi_json_string(doc, object, "content", &token->text, err));
    if (!token->text) return eqbi_json_fail(doc, err, "an added token without \"content\"");
    EQBI_TRY(eqbi_json_bool(doc, object, "special", &token->special, err));
    token->normalized = !token->special;
    EQBI_TRY(eqbi_json_bool(doc, object, "normalized", &token->normalized, err));
    EQBI_TRY(eqbi_json_bool(doc, object, "single_word", &single_word, err));
    if (!single_word) return EQB_OK;
    return eqbi_json_fail(doc, err, "added token \"%.80s\" is a single_word, which is unsupported",
                          token->text);
}

eqb_status eqbi_added_decoder(eqbi_added_list *added, const eqbi_json *doc,
                              const eqbi_json_value *value, eqb_error *err)
{
    const eqbi_json_value *v = value ? eqbi_json_first(value) : NULL;
    for (; v; v = eqbi_json_next(v)) {
        eqbi_added_token token = {0};
        char *end;
        const char *id = eqbi_json_key(v) ? eqbi_json_key(v) : "";
        long long number = strtoll(id, &end, 10);
        if (end == id || *end || number < 0 || number > INT32_MAX)
            return eqbi_json_fail(doc, err, "added token \"%.40s\": expected an id", id);
        token.id = (int32_t)number;
        EQBI_TRY(read_token(&token, doc, v, err));
        EQBI_TRY(put(added, doc, token, err));
    }
    return EQB_OK;
}

eqb_status eqbi_added_array(eqbi_added_list *added, const eqbi_json *doc,
                            const eqbi_json_value *value, eqb_error *err)
{
    const eqbi_json_value *v = value ? eqbi_json_first(value) : NULL;
    for (; v; v = eqbi_json_next(v)) {
        eqbi_added_token token = {0};
        int64_t id = -1;
        EQBI_TRY(read_token(&token, doc, v, err));
        EQBI_TRY(eqbi_json_int(doc, v, "id", 0, INT32_MAX, &id, err));
        if (id < 0)
            return eqbi_json_fail(doc, err, "added token \"%.80s\" has no id", token.text);
        token.id = (int32_t)id;
        EQBI_TRY(put(added, doc, token, err));
    }
    return EQB_OK;
}

eqb_status eqbi_added_map(eqbi_added_list *added, const eqbi_json *doc,
                          const eqbi_json_value *value, eqb_error *err)
{
    const eqbi_json_value *v = value ? eqbi_json_first(value) : NULL;
    for (; v; v = eqbi_json_next(v)) {
        int64_t id;
        if (!eqbi_json_key(v) || !eqbi_json_whole(v, 0, INT32_MAX, &id))
            return eqbi_json_fail(doc, err, "added token \"%.80s\": expected an id",
                                  eqbi_json_key(v) ? eqbi_json_key(v) : "");
        EQBI_TRY(put(added, doc, (eqbi_added_token){.text = eqbi_json_key(v), .id = (int32_t)id,
                                                    .normalized = true}, err));
    }
    return EQB_OK;
}

/* The number of a text in the table is its place in the list. */
static bool know(eqbi_text_table *texts, const char *text)
{
    size_t length = strlen(text);
    return eqbi_text_table_reserve(texts, 1, length) &&
           eqbi_text_add(texts, eqbi_hash_bytes(0, text, length), text, length) >= 0;
}

static eqb_status add_special(eqbi_added_list *added, const eqbi_json *doc,
                              const eqbi_json_value *v, const eqb_tokenizer *t,
                              eqbi_text_table *texts, eqb_error *err)
{
    int32_t next = eqb_tokenizer_size(t);
    settle(added);
    for (size_t i = 0; i < added->count; i++)
        if (!know(texts, added->list[i].text)) return no_memory(err);
    if (added->count > 0 && added->list[added->count - 1].id >= next)
        next = added->list[added->count - 1].id + 1;
    for (; v; v = eqbi_json_next(v)) {
        eqbi_added_token token = {.text = eqbi_json_text(v), .special = true};
        if (!token.text) EQBI_TRY(read_token(&token, doc, v, err));
        size_t length = strlen(token.text);
        uint64_t hash = eqbi_hash_bytes(0, token.text, length);
        if (texts->count > 0 && eqbi_text_find(texts, hash, token.text, length, false) >= 0)
            continue;
        token.id = eqb_tokenizer_id(t, token.text, length);
        if (token.id < 0) token.id = next++;
        EQBI_TRY(put(added, doc, token, err));
        if (!know(texts, token.text)) return no_memory(err);
    }
    return EQB_OK;
}

eqb_status eqbi_added_special(eqbi_added_list *added, const eqbi_json *doc,
                              const eqbi_json_value *value, const eqb_tokenizer *t,
                              eqb_error *err)
{
    const eqbi_json_value *v = value ? eqbi_json_first(value) : NULL;
    if (!v) return EQB_OK;
    eqbi_text_table texts = {.allocator = added->allocator};
    eqb_status status = add_special(added, doc, v, t, &texts, err);
    eqbi_text_table_free(&texts);
    return status;
}

eqb_status eqbi_added_give(eqbi_added_list *added, eqb_tokenizer *t, eqb_error *err)
{
    settle(added);
    return added->count == 0 ? EQB_OK : eqbi_tokenizer_add(t, added->list, added->count, err);
}

void eqbi_added_free(eqbi_added_list *added)
{
    eqbi_free(added->allocator, added->list, added->capacity, sizeof *added->list);
    *added = (eqbi_added_list){0};
}
