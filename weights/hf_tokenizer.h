/* The tokenizer files of a Hugging Face directory; reading them is eqb_tokenizer_load. */
#ifndef EQBI_HF_TOKENIZER_H
#define EQBI_HF_TOKENIZER_H

#include "weights/json_write.h"

/* Whether dir has a vocabulary at all: vocab.txt or tokenizer.json. */
bool eqbi_hf_tokenizer_exists(const char *dir);

/* vocab.txt and tokenizer_config.json, from which AutoTokenizer makes the same tokenizer. */
void eqbi_hf_vocab_write(eqbi_text *text, const eqb_tokenizer *tokenizer);
void eqbi_hf_tokenizer_config_write(eqbi_text *text, const eqb_tokenizer *tokenizer,
                                    int32_t max_positions);

#endif
