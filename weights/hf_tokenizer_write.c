/* Writing a tokenizer's files; see hf_tokenizer.h. */
#include "weights/hf_tokenizer.h"

#include <string.h>

void eqbi_hf_vocab_write(eqbi_text *text, const eqb_tokenizer *tokenizer)
{
    for (int32_t id = 0; id < eqb_tokenizer_size(tokenizer); id++) {
        const char *token = eqb_tokenizer_token(tokenizer, id);
        eqbi_text_put(text, token, strlen(token));
        eqbi_text_put(text, "\n", 1);
    }
}

static const char *word(bool value)
{
    return value ? "true" : "false";
}

void eqbi_hf_tokenizer_config_write(eqbi_text *text, const eqb_tokenizer *tokenizer,
                                    int32_t max_positions)
{
    const eqb_tokenizer_options *o = eqb_tokenizer_get_options(tokenizer);
    eqbi_text_print(text,
                    "{\n"
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
