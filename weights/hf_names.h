/* The names under which BERT's tensors occur in files -> the names of the engine's table. */
#ifndef EQBI_HF_NAMES_H
#define EQBI_HF_NAMES_H

#include "base/fault.h"

typedef enum eqbi_name_kind {
    EQBI_NAME_TENSOR,    /* under its own name, spelled in one way or another                   */
    EQBI_NAME_PREFERRED, /* the same, and outvotes another spelling                            */
    EQBI_NAME_BUFFER,    /* a constant that older versions stored (position_ids)               */
    EQBI_NAME_OPTIMIZER  /* what TensorFlow's checkpoints hold for the optimizer               */
} eqbi_name_kind;

enum { EQBI_NAME_SIZE = 80 };

/* Whether a file's tensor of this name belongs to a whole model ("bert.encoder...") rather than to
 * a bare encoder ("encoder..."); one such name decides for the file. */
bool eqbi_hf_name_is_prefixed(const char *name);
/* Writes the canonical form of a file's name; add_bert: no name of the file is prefixed. A name
 * that fits no rule comes out unchanged, one too long for any rule as "".
 *   source  transformers modeling_utils.py, conversion_mapping.py, and load_tf_weights_in_bert of
 *           its version 4                                                                        */
eqbi_name_kind eqbi_hf_name(char canonical[EQBI_NAME_SIZE], const char *name, bool add_bert);
/* "RoBERTa" for a name that only a RoBERTa has, and so on; NULL for others. */
const char *eqbi_hf_name_of_other_model(const char *name);

#endif
