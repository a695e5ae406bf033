/* Writers of whole models in every format that is read: what the library itself cannot write. */
#ifndef FORMATS_MODELS_H
#define FORMATS_MODELS_H

#include "engine/model.h"
#include "weights/tensor_file.h"

/* All take the parameters of a model whose number modulo parts is part, and write them as dtype:
 * F32, F16, BF16 or F64. */

/* As a safetensors file. */
void write_part(const char *dir, const char *name, const eqb_model *model, eqbi_dtype dtype,
                int32_t part, int32_t parts);
/* As torch.save does, in one of its containers, with prefix before each name. */
typedef enum torch_container { ZIP, LEGACY } torch_container;
void write_torch_part(const char *dir, const char *name, const eqb_model *model,
                      torch_container container, eqbi_dtype dtype, const char *prefix,
                      int32_t part, int32_t parts);
/* An index of count shards named by format, "model-%d.safetensors". */
void write_index(const char *dir, const char *name, const eqb_model *model, const char *format,
                 int32_t count);
/* All parameters as bert_model.ckpt.* under TensorFlow's names; kernels are transposed. */
void write_tensorflow(const char *dir, const eqb_model *model, eqbi_dtype dtype);

#endif
