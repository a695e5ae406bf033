/* TensorFlow V2 checkpoints: <prefix>.index, a table of tensors, and <prefix>.data-00000-of-00001.
 *
 * As Google released BERT. The reader hands out every tensor under its own name ("bert/encoder/
 * layer_0/attention/self/query/kernel"); a kernel, the [in, out] matrix of a dense layer, is marked
 * as the transpose of what PyTorch has.
 *   source  TensorFlow's core/util/tensor_bundle, core/protobuf/tensor_bundle.proto             */
#ifndef EQBI_TF_CHECKPOINT_H
#define EQBI_TF_CHECKPOINT_H

#include "weights/tensor_file.h"

/* Opens "<prefix>.index" and the data beside it; where names it in messages.
 *   errors  MODEL (what, which tensor), IO, NOMEM                                                */
eqb_status eqbi_tf_open(eqbi_tensor_file *out, const char *path, const char *where,
                        const eqb_allocator *allocator, eqb_error *err);
/* The same for an index and data in memory; data must outlive out. */
eqb_status eqbi_tf_parse(eqbi_tensor_file *out, eqbi_mapping index, eqbi_mapping data,
                         const char *where, const eqb_allocator *allocator, eqb_error *err);

#endif
