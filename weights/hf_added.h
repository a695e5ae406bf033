/* The added tokens of a Hugging Face directory, wherever they are listed. */
#ifndef EQBI_HF_ADDED_H
#define EQBI_HF_ADDED_H

#include "tokenizer/added_tokens.h"
#include "weights/json.h"

/* Bytes of a text: bounds the time to compare it. */
enum { EQBI_LONGEST_ADDED = 255 };

typedef struct eqbi_added_list {
    eqbi_added_token *list; /* texts stand in the documents */
    size_t count, capacity;
    const eqb_allocator *allocator;
} eqbi_added_list;

/* Each adds the tokens of one value (NULL or null: none); of two with one id the later counts.
 *   errors  doc->fault (what is wrong with which token), NOMEM                                   */

/* tokenizer_config.json, "added_tokens_decoder": {"30522": {"content": "[NEW]", ...}} */
eqb_status eqbi_added_decoder(eqbi_added_list *added, const eqbi_json *doc,
                              const eqbi_json_value *value, eqb_error *err);
/* tokenizer.json, "added_tokens": [{"id": 30522, "content": "[NEW]", ...}] */
eqb_status eqbi_added_array(eqbi_added_list *added, const eqbi_json *doc,
                            const eqbi_json_value *value, eqb_error *err);
/* added_tokens.json: {"[NEW]": 30522} */
eqb_status eqbi_added_map(eqbi_added_list *added, const eqbi_json *doc,
                          const eqbi_json_value *value, eqb_error *err);
/* "additional_special_tokens" and "extra_special_tokens": ["[NEW]", {"content": "[NEWER]"}], or an
 * object of such values. Those not listed so far get the next ids behind the vocabulary t. */
eqb_status eqbi_added_special(eqbi_added_list *added, const eqbi_json *doc,
                              const eqbi_json_value *value, const eqb_tokenizer *t,
                              eqb_error *err);

/* Gives them to the tokenizer, in the order of their ids.   errors  MODEL, NOMEM */
eqb_status eqbi_added_give(eqbi_added_list *added, eqb_tokenizer *t, eqb_error *err);
void eqbi_added_free(eqbi_added_list *added);

#endif
