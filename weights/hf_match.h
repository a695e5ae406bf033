/* Which tensor of a directory's files fills which entry of the engine's table.
 *
 * From here on a file's format no longer matters: names are made canonical (hf_names.h), shapes and
 * dtypes compared, and what is left over or missing is known.                                    */
#ifndef EQBI_HF_MATCH_H
#define EQBI_HF_MATCH_H

#include "engine/model.h"
#include "weights/weight_files.h"

typedef enum eqbi_fate {
    EQBI_FATE_USED,    /* fills an entry                                                 */
    EQBI_FATE_IGNORED, /* a constant, or a part of an optimizer: nothing is lost         */
    EQBI_FATE_SECOND,  /* another tensor has filled its entry; so it is with a tied
                          decoder and the word embeddings                                */
    EQBI_FATE_UNUSED   /* belongs to nothing here, such as another head                  */
} eqbi_fate;

typedef struct eqbi_tensor_match {
    eqbi_fate fate;
    int32_t entry; /* of the model; -1 for those that have none */
} eqbi_tensor_match;

typedef struct eqbi_match {
    eqbi_tensor_match *of;           /* [tensors], as in weights->tensor               */
    const eqbi_file_tensor **source; /* [entries] what fills each entry, or NULL       */
    size_t tensors, entries;
    const eqb_allocator *allocator;
} eqbi_match;

/* What config.json and files say of the MLM head's matrix. */
typedef enum eqbi_decoder {
    EQBI_DECODER_TIED,    /* it is the word embeddings                                        */
    EQBI_DECODER_OWN,     /* it is not                                                        */
    EQBI_DECODER_DIFFERS, /* the same, though tie_word_embeddings is not false                */
    EQBI_DECODER_MISSING  /* tie_word_embeddings is false, and the files have none: no MLM head */
} eqbi_decoder;

/* Decides on config->untied_decoder, which is what tie_word_embeddings says: the model gets a matrix
 * of its own only when the files have one.   source  transformers 5 modeling_utils.py, tie_weights */
eqbi_decoder eqbi_match_decoder(eqb_config *config, const eqbi_weights *weights);
/* A few bytes of config.json can ask for terabytes: the files must come near to filling the model.
 *   errors  MODEL                                                                                */
eqb_status eqbi_match_size(const eqb_config *config, const eqbi_weights *weights, eqb_error *err);
/* Where two tensors claim an entry, the preferred one (hf_names.h) has it, else the first in
 * alphabetical order, as in transformers.   errors  NOMEM                                        */
eqb_status eqbi_match_tensors(eqbi_match *out, const eqbi_weights *weights, const eqb_model *model,
                              eqb_error *err);
void eqbi_match_free(eqbi_match *match);
/* Whether dtype and shape of a tensor are those of its entry.   errors  MODEL                    */
eqb_status eqbi_match_check(const eqbi_entry *entry, const eqbi_file_tensor *tensor,
                            const char *file, eqb_error *err);
/* Whether every entry that must be filled is.   errors  MODEL (which is not; whose file it is)   */
eqb_status eqbi_match_complete(const eqbi_match *match, const eqbi_weights *weights,
                               const eqb_model *model, eqb_error *err);
/* Whether the two hold the same numbers, in the same dtype and order. */
bool eqbi_same_tensor(const eqbi_file_tensor *a, const eqbi_file_tensor *b);

#endif
