/* The safetensors file format: 8 bytes of header length, a JSON header, the tensors' bytes.
 *
 * The reader maps a file and checks all of the header before it hands out a pointer: names differ,
 * sizes follow from shape and dtype, the tensors cover the data exactly, in whatever order. It is
 * as strict as the format's reference reader, and refuses two things more: NUL in names and more
 * than EQBI_TENSOR_DIMS dimensions.
 *   source  github.com/huggingface/safetensors, README and safetensors/src/tensor.rs             */
#ifndef EQBI_SAFETENSORS_H
#define EQBI_SAFETENSORS_H

#include "weights/tensor_file.h"

enum { EQBI_ST_MAX_HEADER = 100000000 };

/* Opens a file; where names it in messages.
 *   errors  MODEL (what, which tensor), IO, NOMEM                                                */
eqb_status eqbi_safetensors_open(eqbi_tensor_file *out, const char *path, const char *where,
                                 const eqb_allocator *allocator, eqb_error *err);
/* The same for bytes in memory, which must outlive out. */
eqb_status eqbi_safetensors_parse(eqbi_tensor_file *out, const unsigned char *data, size_t size,
                                  const char *where, const eqb_allocator *allocator,
                                  eqb_error *err);

/* Writes a whole file into out (which the caller commits): the header with the metadata
 * {"format":"pt"} that transformers insists on, then each tensor's bytes straight from its data,
 * byte for byte the file that the reference writer makes of the same tensors. Each tensor needs
 * name, dtype, dims, shape and data.   errors  NOMEM, ARGUMENT (a size that overflows)           */
eqb_status eqbi_safetensors_write(eqbi_output *out, const eqbi_file_tensor *tensors, size_t count,
                                  const eqb_allocator *allocator, eqb_error *err);

/* safetensors_header.c: reads the JSON header into out->tensor, in the order of the text; each
 * tensor is checked by itself (its bytes lie within data), not yet against the others. */
eqb_status eqbi_safetensors_header(eqbi_tensor_file *out, const char *header, size_t header_size,
                                   const unsigned char *data, size_t data_size,
                                   const char *where, eqb_error *err);

#endif
