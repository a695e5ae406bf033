/* pytorch_model.bin: what torch.save writes of a dictionary of tensors, in either container.
 *
 *   zip     since PyTorch 1.6: <top>/data.pkl is a pickle, <top>/data/<key> the bytes of a storage
 *   legacy  before: five pickles in a row (magic number, protocol, system, table, list of keys),
 *           then for each key the number of elements in 8 bytes and the elements
 *
 * The pickle is interpreted, never executed (pickle.h). The table must consist of dense tensors;
 * matrices that were saved as transposes are read as such.
 *   source  PyTorch's torch/serialization.py, caffe2/serialize/inline_container.cc               */
#ifndef EQBI_TORCH_FILE_H
#define EQBI_TORCH_FILE_H

#include "weights/tensor_file.h"

/* Opens a file; where names it in messages.   errors  MODEL (what, where), IO, NOMEM             */
eqb_status eqbi_torch_open(eqbi_tensor_file *out, const char *path, const char *where,
                           const eqb_allocator *allocator, eqb_error *err);
/* The same for bytes in memory, which must outlive out. */
eqb_status eqbi_torch_parse(eqbi_tensor_file *out, const unsigned char *data, size_t size,
                            const char *where, const eqb_allocator *allocator, eqb_error *err);

#endif
