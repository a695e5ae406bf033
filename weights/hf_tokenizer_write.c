/* Writing a tokenizer's files; see hf_tokenizer.h. */
#include "weights/hf_tokenizer.h"
#include "tokenizer/added_tokens.h"

#include <string.h>

void eqbi_hf_vocab_write(eqbi_text *text, const eqb_tokenizer *tokenizer)
{
    for (int32_t id = 0; id < eqbi_tokenizer_vocab_size(tokenizer); id++) {
        const char *token = eqbi_tokenizer_text(tokenizer, id);
        eqbi_text_put(text, token, strlen(token));
        eqbi_text_put(text, "\n", 1);
    }
}

static const char *word(bool value)
{
    return value ? "true" : "false";
}

/* "added_tokens_decoder": BERT's own five are known without it. */
static void write_added(eqbi_text *text, const eqb_tokenizer *t)
{
    eqb_special_ids s = eqb_tokenizer_special(t);
    const eqbi_patterns *added = eqbi_tokenizer_added(t);
    const char *separator = "  \"added_tokens_decoder\": {\n";
    for (size_t i = 0; i < added->count; i++) {
        const eqbi_pattern *p = &added->list[i];
        const char *token = eqbi_tokenizer_text(t, p->id);
        if (p->id == s.pad || p->id == s.unk || p->id == s.cls || p->id == s.sep ||
            p->id == s.mask)
            continue;
        eqbi_text_print(text, "%s    \"%d\": {\"content\": ", separator, p->id);
        eqbi_text_json_string(text, token, strlen(token));
        eqbi_text_print(text,
                        ", \"lstrip\": false, \"normalized\": %s, \"rstrip\": false, "
                        "\"single_word\": false, \"special\": %s}",
                        word(p->normalized), word(p->special));
        separator = ",\n";
    }
    if (*separator == ',') eqbi_text_print(text, "\n  },\n");
}

void eqbi_hf_tokenizer_config_write(eqbi_text *text, const eqb_tokenizer *tokenizer,
                                    int32_t max_positions)
{
    const eqb_tokenizer_options *o = eqb_tokenizer_get_options(tokenizer);
    eqbi_text_print(text, "{\n");
    write_added(text, tokenizer);
    eqbi_text_print(text,
                    "  \"tokenizer_class\": \"BertTokenizer\",\n"
                    "  \"do_lower_case\": %s,\n"
                    "  \"strip_accents\": %s,\n"
                    "  \"tokenize_chinese_chars\": %s,\n"
                    "  \"model_max_length\": %d,\n"
                    "  \"unk_token\": \"[UNK]\",\n"
                    "  \"cls_token\": \"[CLS]\",\n"
                    "  \"sep_token\": \"[SEP]\",\n"
                    "  \"pad_token\": \"[PAD]\",\n"
                    "  \"mask_token\": \"[MASK]\"\n"
                    "}\n",
                    word(o->lowercase), o->strip_accents < 0 ? "null" : word(o->strip_accents),
                    word(o->split_chinese), max_positions);
}
