/* Reading lists of added tokens; see hf_added.h.
 *
 * Where a list gives no flags, transformers' apply: tokens of added_tokens.json are normalized,
 * special tokens are not. "lstrip" and "rstrip" change nothing here: BERT drops spaces anyway.   */
#include "weights/hf_added.h"

#include <stdlib.h>
#include <string.h>

/* Called once for each entry of a list, before anything is compared with it. */
static eqb_status count_entry(eqbi_added_list *added, const eqbi_json *doc, const char *text,
                              eqb_error *err)
{
    if (added->seen++ == EQBI_MOST_ADDED)
        return eqbi_json_fail(doc, err, "more than %d added tokens", EQBI_MOST_ADDED);
    if (strlen(text) <= EQBI_LONGEST_ADDED) return EQB_OK;
    return eqbi_json_fail(doc, err, "added token \"%.80s...\" has more than %d bytes", text,
                          EQBI_LONGEST_ADDED);
}

static eqb_status put(eqbi_added_list *added, const eqbi_json *doc, eqbi_added_token token,
                      eqb_error *err)
{
    size_t place = 0;
    while (place < added->count && added->list[place].id != token.id) place++;
    if (!eqbi_grow(added->allocator, (void **)&added->list, &added->capacity, place + 1,
                   sizeof *added->list))
        return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for added tokens", doc->where);
    added->list[place] = token;
    if (place == added->count) added->count++;
    return EQB_OK;
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
        EQBI_TRY(count_entry(added, doc, token.text, err));
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
        EQBI_TRY(count_entry(added, doc, token.text, err));
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
        EQBI_TRY(count_entry(added, doc, eqbi_json_key(v), err));
        EQBI_TRY(put(added, doc, (eqbi_added_token){.text = eqbi_json_key(v), .id = (int32_t)id,
                                                    .normalized = true}, err));
    }
    return EQB_OK;
}

eqb_status eqbi_added_special(eqbi_added_list *added, const eqbi_json *doc,
                              const eqbi_json_value *value, const eqb_tokenizer *t,
                              eqb_error *err)
{
    const eqbi_json_value *v = value ? eqbi_json_first(value) : NULL;
    for (; v; v = eqbi_json_next(v)) {
        eqbi_added_token token = {.text = eqbi_json_text(v), .special = true};
        int32_t next = eqb_tokenizer_size(t);
        if (!token.text) EQBI_TRY(read_token(&token, doc, v, err));
        EQBI_TRY(count_entry(added, doc, token.text, err));
        token.id = -1;
        for (size_t i = 0; i < added->count; i++) {
            if (strcmp(added->list[i].text, token.text) == 0) token.id = added->list[i].id;
            if (added->list[i].id >= next) next = added->list[i].id + 1;
        }
        if (token.id >= 0) continue;
        token.id = eqb_tokenizer_id(t, token.text, strlen(token.text));
        if (token.id < 0) token.id = next;
        EQBI_TRY(put(added, doc, token, err));
    }
    return EQB_OK;
}

static int by_id(const void *a, const void *b)
{
    const eqbi_added_token *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

eqb_status eqbi_added_give(eqbi_added_list *added, eqb_tokenizer *t, eqb_error *err)
{
    if (added->count == 0) return EQB_OK;
    qsort(added->list, added->count, sizeof *added->list, by_id);
    return eqbi_tokenizer_add(t, added->list, added->count, err);
}

void eqbi_added_free(eqbi_added_list *added)
{
    eqbi_free(added->allocator, added->list, added->capacity, sizeof *added->list);
    *added = (eqbi_added_list){0};
}
