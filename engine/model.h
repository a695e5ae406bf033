/* BERT's parameters: one block, one table of Hugging Face names, one tensor per op input.
 *
 * All parameters stand in one block of floats, in the order of the table; gradients and optimizer
 * moments are blocks of the same layout. Query, key and value of a layer stand one after another,
 * so that the three Hugging Face matrices [H, H] are one tensor [3H, H] for the engine: loading is
 * a copy into place. The table is the only list of tensor names in the project.                   */
#ifndef EQBI_MODEL_H
#define EQBI_MODEL_H

#include "autograd/tensor.h"

#define EQBI_WORD_EMBEDDINGS "bert.embeddings.word_embeddings.weight"
#define EQBI_DECODER "cls.predictions.decoder.weight"

/* One Hugging Face tensor inside the block. */
typedef struct eqbi_entry {
    char name[80];   /* "bert.encoder.layer.3.attention.self.query.weight"              */
    size_t offset;   /* floats from the start of the block                              */
    int32_t rows, cols; /* of a matrix; a vector has rows 1                             */
    int dims;        /* 1 or 2                                                          */
    unsigned part;   /* eqb_part bit when the file may lack it, else 0                  */
    bool decay;      /* weight decay applies (not for biases and LayerNorm)             */
} eqbi_entry;

typedef struct layer_params {
    tensor qkv_w, qkv_b;     /* [3H, H] [1, 3H]  query | key | value */
    tensor out_w, out_b;     /* [H, H]  [1, H]                        */
    tensor norm1_g, norm1_b; /* [1, H]                                */
    tensor up_w, up_b;       /* [F, H]  [1, F]                        */
    tensor down_w, down_b;   /* [H, F]  [1, H]                        */
    tensor norm2_g, norm2_b; /* [1, H]                                */
} layer_params;

struct eqb_model {
    eqb_config config;
    eqb_tokenizer *tokenizer; /* owned; may be NULL */
    unsigned parts;           /* eqb_part bits that came from a file or from training */
    const eqb_allocator *allocator;

    float *block;             /* all parameters, 64-byte aligned                 */
    float *gradients;         /* the same layout, or NULL                        */
    size_t size;              /* floats in a block (each entry padded to 16)     */
    void *block_raw, *gradients_raw; /* what the allocator gave                  */
    eqbi_entry *entry;        /* [entries], offsets ascending                    */
    int32_t entries;

    tensor word, position, type;             /* [V, H] [P, H] [T, H] */
    tensor embed_norm_g, embed_norm_b;       /* [1, H] */
    layer_params *layer;                     /* [L] */
    tensor pool_w, pool_b;                   /* [H, H] [1, H] */
    tensor transform_w, transform_b;         /* [H, H] [1, H] */
    tensor transform_norm_g, transform_norm_b;
    tensor own_decoder_w, decoder_b;         /* [V, H] only with config.untied_decoder; [1, V] */
    tensor *decoder_w;                       /* own_decoder_w, or word when they are tied */
    tensor nsp_w, nsp_b;                     /* [2, H] [1, 2] */
};

/* Checks the numbers of a config: positive, within bounds (layers <= 1024, hidden <= 65536,
 * vocabulary <= 2^24, positions <= 2^20), heads divide hidden.   errors  MODEL (which key)         */
eqb_status eqbi_config_check(const eqb_config *config, const char *where, eqb_error *err);

/* A model with table, tensors and an uninitialised block; norms, biases and weights are the
 * caller's to fill (every entry). The tokenizer stays NULL.   errors  MODEL, NOMEM                 */
eqb_status eqbi_model_create(eqb_model **out, const eqb_config *config,
                             const eqb_allocator *allocator, eqb_error *err);
/* A copy of all parameters, without gradients and tokenizer.   errors  NOMEM                       */
eqb_status eqbi_model_clone(eqb_model **out, const eqb_model *model, eqb_error *err);
/* Hugging Face's initialisation of one entry, a function of (seed, entry) alone: N(0,
 * initializer_range) for matrices, 1 for LayerNorm weights, 0 for biases and the padding row.      */
void eqbi_model_init_entry(eqb_model *model, int32_t index, uint64_t seed);
/* After a backward pass: tensors that no loss reached get a zero gradient. */
void eqbi_model_complete_gradients(eqb_model *model);
/* Says which entries [entries] do not learn. A tensor made of several entries needs no gradient when
 * all of them are frozen; when some are, the optimizer leaves those alone.                        */
void eqbi_model_freeze(eqb_model *model, const bool *frozen);
/* The entry of this canonical name, or -1. */
int32_t eqbi_model_find(const eqb_model *model, const char *name, size_t length);

#endif
