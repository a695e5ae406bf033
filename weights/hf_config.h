/* config.json of a Hugging Face BERT <-> eqb_config. */
#ifndef EQBI_HF_CONFIG_H
#define EQBI_HF_CONFIG_H

#include "weights/json.h"
#include "weights/json_write.h"

/* Reads dir/config.json, or Google's bert_config.json when there is none. Absent keys have the
 * defaults of transformers' BertConfig; keys that do not shape a model are passed over.
 *   errors  MODEL (file, key, found, expected), IO, NOMEM
 *   source  transformers configuration_bert.py                                                   */
eqb_status eqbi_hf_config_load(eqb_config *out, const char *dir, const eqb_allocator *allocator,
                               eqb_error *err);
/* The same from a parsed document. */
eqb_status eqbi_hf_config_read(eqb_config *out, const eqbi_json *doc, eqb_error *err);
/* A config.json from which transformers makes the same model. parts (eqb_part) and dtype are those
 * of the weights beside it; parts choose the class. */
void eqbi_hf_config_write(eqbi_text *text, const eqb_config *config, unsigned parts,
                          eqb_dtype dtype);

#endif
