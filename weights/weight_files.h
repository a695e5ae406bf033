/* The weight files of a model directory, found and opened in the order that transformers has:
 *
 *     model.safetensors, model.safetensors.index.json and its shards,
 *     pytorch_model.bin, pytorch_model.bin.index.json and its shards,
 *     bert_model.ckpt.index and its data (TensorFlow, as Google released BERT)
 */
#ifndef EQBI_WEIGHT_FILES_H
#define EQBI_WEIGHT_FILES_H

#include "weights/tensor_file.h"

enum { EQBI_FILE_NAME_SIZE = 256 };

typedef struct eqbi_weight_file {
    char name[EQBI_FILE_NAME_SIZE];
    eqbi_tensor_file content;
} eqbi_weight_file;

typedef struct eqbi_weights {
    const char *where;   /* the file that was chosen, e.g. "model.safetensors.index.json" */
    const char *ignored; /* shards beside a single file, which outvotes them; or NULL     */
    eqbi_weight_file *file; /* [files]: that file, or its shards */
    size_t files, file_capacity;
    const eqbi_file_tensor **tensor; /* [count], of all files, sorted by name */
    size_t count;
    size_t size; /* bytes of data in all files */
    const eqb_allocator *allocator;
} eqbi_weights;

/* errors  MODEL (what is wrong with which file; or what else the directory has), IO, NOMEM       */
eqb_status eqbi_weights_open(eqbi_weights *out, const char *dir, const eqb_allocator *allocator,
                             eqb_error *err);
void eqbi_weights_close(eqbi_weights *weights);
/* The name of the file that a tensor is in. */
const char *eqbi_weights_file_of(const eqbi_weights *weights, const eqbi_file_tensor *tensor);

#endif
