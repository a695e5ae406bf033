/* equibert.h - BERT in C: load, tokenize, encode, fill masks, next sentence.
 *
 *     eqb_error err = {0};
 *     eqb_model *model; eqb_session *s; eqb_encoding enc = {0}; const float *logits;
 *     if (eqb_model_load(&model, "weights/mini", NULL, &err)) { puts(err.message); return 1; }
 *     eqb_session_new(&s, model, NULL, &err);
 *     eqb_encode(eqb_model_tokenizer(model), "She is a [MASK].", 16, NULL, 0, 512, &enc, &err);
 *     eqb_batch batch = { 1, (int32_t[]){ 0, enc.count }, enc.ids, enc.types };
 *     eqb_session_forward(s, &batch, &err);
 *     eqb_session_mlm_logits(s, (int32_t[]){ 4 }, 1, &logits, &err);   // logits: [1, V]
 *
 * Rules that hold for every function here:
 *   errors    a function that can fail returns eqb_status and takes an eqb_error, which may be NULL;
 *             on failure its first out-parameter is NULL (or untouched) and nothing leaks
 *   never     the library never exits, aborts, prints, or keeps mutable globals
 *   threads   a model and a tokenizer are immutable after they are made: any number of threads may
 *             use them; a session, a graph, an encoding belong to one thread at a time
 *   memory    every X_new / X_load has its X_free, and X_free(NULL) does nothing
 *   text      UTF-8 with an explicit length in bytes; ill-formed bytes count as U+FFFD
 *   shapes    matrices are row-major float; N tokens, B sequences, H hidden, V vocabulary, L layers
 *
 * Matrix products go through the system's BLAS, which has threads of its own; the library never
 * changes their number.                                                                          */
#ifndef EQUIBERT_H
#define EQUIBERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EQB_VERSION "0.1.0"

#if defined(__GNUC__)
#define EQB_API __attribute__((visibility("default")))
#else
#define EQB_API
#endif

/* The version of the library that is running, e.g. "0.1.0"; compare with EQB_VERSION. */
EQB_API const char *eqb_version(void);

/* ------------------------------------------------------------------------------------ errors -- */

/* Status codes; the programs' exit codes are the same numbers. */
#define EQB_STATUS_LIST(X)                                                                       \
    X(EQB_OK, 0, "ok")                                                                           \
    X(EQB_ERR_ARGUMENT, 1, "bad argument")                                                       \
    X(EQB_ERR_DATA, 2, "bad data")                                                               \
    X(EQB_ERR_MODEL, 3, "bad model")                                                             \
    X(EQB_ERR_IO, 4, "input/output error")                                                       \
    X(EQB_ERR_NOMEM, 5, "out of memory")                                                         \
    X(EQB_ERR_DIVERGED, 6, "training diverged")                                                  \
    X(EQB_ERR_CANCELLED, 7, "cancelled")

typedef enum eqb_status {
#define X(name, value, text) name = value,
    EQB_STATUS_LIST(X)
#undef X
} eqb_status;

/* What went wrong, in memory of the caller: what, where, expected, found. One line, no newline. */
typedef struct eqb_error {
    eqb_status status;
    char message[1020];
} eqb_error;

/* "bad model" for EQB_ERR_MODEL, and so on; never NULL. */
EQB_API const char *eqb_status_text(eqb_status status);

/* ------------------------------------------------------------------------------------ memory -- */

/* All memory of the library comes from here when a host passes one; NULL means the C library's.
 *   resize  (NULL, 0, n) allocates, (p, old, n) resizes, (p, old, 0) frees and returns NULL;
 *           returns NULL when there is no memory (the old block then stays); aligned as malloc  */
typedef struct eqb_allocator {
    void *(*resize)(void *user, void *block, size_t old_size, size_t new_size);
    void *user;
} eqb_allocator;

/* --------------------------------------------------------------------------------- tokenizer -- */

typedef struct eqb_tokenizer eqb_tokenizer;

/* The switches of Hugging Face's BertNormalizer and WordPiece. */
typedef struct eqb_tokenizer_options {
    bool lowercase;              /* do_lower_case; default true, as transformers has it          */
    int strip_accents;           /* 1, 0, or -1: same as lowercase (default)                     */
    bool split_chinese;          /* tokenize_chinese_chars; default true                         */
    int32_t max_word_chars;      /* longer words become [UNK]; code points; 0: the default, 100  */
    const eqb_allocator *allocator; /* must outlive the tokenizer; NULL: the C library's          */
} eqb_tokenizer_options;

EQB_API void eqb_tokenizer_options_default(eqb_tokenizer_options *options);

/* Makes a tokenizer from the bytes of a vocab.txt: one token a line (LF or CRLF), id = line number,
 * of duplicates the last wins. [UNK] [CLS] [SEP] [PAD] [MASK] must be there.
 *   errors  MODEL (which special token is missing, empty vocabulary), NOMEM
 *   source  transformers BertTokenizerFast / tokenizers 0.2x BertNormalizer, BertPreTokenizer,
 *           WordPiece; tokenizer/wordpiece.c lists the differences  */
EQB_API eqb_status eqb_tokenizer_new(eqb_tokenizer **out, const char *vocab, size_t length,
                                     const eqb_tokenizer_options *options, eqb_error *err);
/* The tokenizer of a model directory alone, without its weights (a few milliseconds): tokenizer.json
 * or vocab.txt, tokenizer_config.json, special_tokens_map.json, added_tokens.json, with the
 * precedence that transformers gives them. Added tokens are found in a text as a whole.
 *   errors  MODEL (file, what is wrong with it), IO, NOMEM                                       */
EQB_API eqb_status eqb_tokenizer_load(eqb_tokenizer **out, const char *dir,
                                      const eqb_allocator *allocator, eqb_error *err);
EQB_API void eqb_tokenizer_free(eqb_tokenizer *tokenizer);

/* The number of tokens, added ones included. Where a model's files list more of them than the model
 * has, the tokenizer has those of the model, and texts that need one of the others are refused.  */
EQB_API int32_t eqb_tokenizer_size(const eqb_tokenizer *t);
/* The token's text, NUL-terminated, valid as long as the tokenizer; NULL when id is out of range. */
EQB_API const char *eqb_tokenizer_token(const eqb_tokenizer *t, int32_t id);
/* The id of exactly this token ("##ing"), or -1. */
EQB_API int32_t eqb_tokenizer_id(const eqb_tokenizer *t, const char *token, size_t length);
/* The options in force (allocator included). */
EQB_API const eqb_tokenizer_options *eqb_tokenizer_get_options(const eqb_tokenizer *t);

typedef struct eqb_special_ids {
    int32_t pad, unk, cls, sep, mask;
} eqb_special_ids;
EQB_API eqb_special_ids eqb_tokenizer_special(const eqb_tokenizer *t);

/* Bytes [begin, end) of the text a token came from; {0, 0} for added [CLS] and [SEP]. */
typedef struct eqb_span {
    size_t begin, end;
} eqb_span;

/* Tokens of a text. Start with {0}; each call overwrites and reuses the memory; read only. */
typedef struct eqb_encoding {
    int32_t count;
    int32_t *ids;     /* [count]                                                             */
    int32_t *types;   /* [count] 0 first segment, 1 second                                   */
    eqb_span *spans;  /* [count] in the text of the token's own segment                      */
    int32_t truncated; /* tokens dropped to fit max_tokens                                    */
    /* private */
    int32_t capacity;
    const eqb_allocator *allocator;
    struct eqbi_word_scratch *scratch;
} eqb_encoding;

/* Splits a text into tokens, adding nothing. Special tokens written in the text ("[MASK]") count as
 * such, case-sensitively.
 *   errors  NOMEM, DATA (more than 2^31 tokens; a token that the model lacks: which)             */
EQB_API eqb_status eqb_tokenize(const eqb_tokenizer *t, const char *text, size_t length,
                                eqb_encoding *out, eqb_error *err);
/* [CLS] first [SEP], or with a second segment (not NULL) [CLS] first [SEP] second [SEP]. What is
 * longer than max_tokens loses tokens at the end of the longer segment, one by one, the second on a
 * tie ("longest_first").   errors  ARGUMENT (max_tokens < 2, or < 3 for two segments; t is NULL, as
 * of a model without a vocabulary), NOMEM, DATA (a token that the model lacks: which)            */
EQB_API eqb_status eqb_encode(const eqb_tokenizer *t, const char *first, size_t first_length,
                              const char *second, size_t second_length, int32_t max_tokens,
                              eqb_encoding *out, eqb_error *err);
EQB_API void eqb_encoding_free(eqb_encoding *encoding);

/* Writes the text of ids into buffer (NUL-terminated when capacity > 0, cut if too small) and
 * returns the full length in bytes: joined with spaces, " ##" glued, no further clean-up.        */
EQB_API size_t eqb_decode(const eqb_tokenizer *t, const int32_t *ids, int32_t count,
                          bool skip_special, char *buffer, size_t capacity);
/* Code points in text[0, byte): turns a byte offset into the character offset Python uses. */
EQB_API size_t eqb_character_offset(const char *text, size_t length, size_t byte);

/* ------------------------------------------------------------------------------------- model -- */

typedef enum eqb_activation {
    EQB_ACT_NONE,      /* "linear"                                       */
    EQB_ACT_GELU,      /* "gelu": exact, x * Phi(x)                      */
    EQB_ACT_GELU_TANH, /* "gelu_new", "gelu_pytorch_tanh", "gelu_fast"   */
    EQB_ACT_TANH,
    EQB_ACT_RELU
} eqb_activation;

/* The keys of config.json that shape a model. */
typedef struct eqb_config {
    int32_t vocab_size, hidden_size, num_layers, num_heads, intermediate_size;
    int32_t max_positions, type_vocab_size, pad_token_id;
    eqb_activation hidden_act;
    float layer_norm_eps, initializer_range, hidden_dropout, attention_dropout;
    bool untied_decoder; /* the MLM head's matrix is not the word embeddings; default false     */
} eqb_config;

/* bert-base-uncased: 30522, 768, 12, 12, 3072, 512, 2, 0, gelu, 1e-12, 0.02, 0.1, 0.1 */
EQB_API void eqb_config_default(eqb_config *config);

typedef struct eqb_model eqb_model;

typedef struct eqb_model_options {
    const eqb_allocator *allocator; /* must outlive the model; NULL: the C library's              */
    uint64_t seed;                  /* for what the file lacks (pooler, heads)                    */
    /* Told, one line each, what is missing, unused or odd; NULL: nobody is told.                 */
    void (*on_note)(void *user, const char *line);
    void *user;
} eqb_model_options;

/* Parts a file may lack; then they are drawn from N(0, initializer_range). */
typedef enum eqb_part { EQB_PART_POOLER = 1, EQB_PART_MLM = 2, EQB_PART_NSP = 4 } eqb_part;

/* Whether a text can be the name of a model on the Hugging Face hub: "bert-base-uncased", or with an
 * owner "google-bert/bert-base-uncased". */
EQB_API bool eqb_hub_is_name(const char *name);
/* Finds such a model in the hub's local cache, the directory of models--*--* (usually
 * ~/.cache/huggingface/hub), and writes its own directory into path. revision is a branch, a tag or
 * a commit; NULL: "main". A name without an owner is also looked for as one of google-bert's.
 *   errors  ARGUMENT (no such name, path too small), IO (it is not there), MODEL (a broken cache) */
EQB_API eqb_status eqb_hub_find(char *path, size_t size, const char *name, const char *cache,
                                const char *revision, eqb_error *err);

/* Loads the directory of a model as Hugging Face or Google has it. Weights, the first of these that
 * is there, as in transformers: model.safetensors, model.safetensors.index.json with its shards,
 * pytorch_model.bin (read, never executed), pytorch_model.bin.index.json with its shards,
 * bert_model.ckpt.* of TensorFlow; F32, F16, BF16 or F64. Old names (gamma, beta) and prefixes are
 * understood. The MLM head has a matrix of its own when the files have one and it differs from the
 * word embeddings or tie_word_embeddings is false.
 *   errors  MODEL (file, tensor, expected, found), IO, NOMEM                                     */
EQB_API eqb_status eqb_model_load(eqb_model **out, const char *dir,
                                  const eqb_model_options *options, eqb_error *err);
/* A new model with Hugging Face's initialisation. The tokenizer is taken over when the call
 * succeeds (the model frees it) and may be NULL.   errors  ARGUMENT (which key), NOMEM           */
EQB_API eqb_status eqb_model_new(eqb_model **out, const eqb_config *config,
                                 eqb_tokenizer *tokenizer, const eqb_model_options *options,
                                 eqb_error *err);
/* Writes config.json, model.safetensors, vocab.txt and tokenizer_config.json so that
 * AutoModelForPreTraining and AutoTokenizer load them. dir is made if need be; each file is replaced
 * whole or not at all.   errors  IO, NOMEM                                                       */
EQB_API eqb_status eqb_model_save(const eqb_model *model, const char *dir, eqb_error *err);

/* How numbers stand in model.safetensors: 32 bits, or 16 of IEEE 754 or of bfloat16. */
typedef enum eqb_dtype { EQB_F32, EQB_F16, EQB_BF16 } eqb_dtype;

typedef struct eqb_save_options {
    eqb_dtype dtype;       /* numbers are rounded to nearest, ties to even                        */
    bool known_parts_only; /* leave out parts (eqb_part) that no file and no training has filled  */
} eqb_save_options;

/* The same with options.   errors  also MODEL (a number too large for F16: which tensor) */
EQB_API eqb_status eqb_model_save_with(const eqb_model *model, const char *dir,
                                       const eqb_save_options *options, eqb_error *err);
EQB_API void eqb_model_free(eqb_model *model);

EQB_API const eqb_config *eqb_model_config(const eqb_model *model);
/* Belongs to the model; NULL if it has none. */
EQB_API const eqb_tokenizer *eqb_model_tokenizer(const eqb_model *model);
/* The eqb_part bits that came from a file (all of them after training; 0 for a new model). */
EQB_API unsigned eqb_model_parts(const eqb_model *model);

/* One tensor under its Hugging Face name; weights are [out, in]. */
typedef struct eqb_parameter {
    const char *name;
    int32_t dims;       /* 1 or 2                                                              */
    int32_t rows, cols; /* dims 1: rows is 1                                                   */
    float *data;        /* [rows, cols]; write only while nobody else uses the model           */
    float *gradient;    /* [rows, cols], or NULL before eqb_model_gradients                    */
} eqb_parameter;
EQB_API int32_t eqb_model_parameter_count(const eqb_model *model);
EQB_API eqb_parameter eqb_model_parameter(const eqb_model *model, int32_t index);

/* What loading does with a tensor that a directory's files have, or should have. */
typedef enum eqb_tensor_use {
    EQB_TENSOR_USED,    /* becomes the parameter                                               */
    EQB_TENSOR_IGNORED, /* without loss: a constant, a second copy, a part of an optimizer     */
    EQB_TENSOR_UNUSED,  /* belongs to nothing here, such as another head                       */
    EQB_TENSOR_MISSING, /* the parameter is in no file and is drawn at random                  */
    EQB_TENSOR_REFUSED  /* loading fails because of it                                         */
} eqb_tensor_use;

typedef struct eqb_tensor_report {
    const char *file, *name, *dtype, *shape; /* as stored: "F32", "768,768"; "" of a missing one */
    const char *parameter;                   /* that it becomes or should become; NULL: none     */
    const char *reason;                      /* for what happens to it; NULL: used as it is      */
    eqb_tensor_use use;
    uint64_t count, nan, infinite;           /* numbers; of them, NaN and infinite               */
    double min, max, mean, deviation;        /* of the finite ones; all 0 when dtype is no float */
} eqb_tensor_report;

/* Shows every tensor of a directory in turn, by name, then what is missing; reads all numbers and
 * makes no model. The report is valid during the call.   errors  MODEL, IO, NOMEM                */
EQB_API eqb_status eqb_model_inspect(const char *dir, const eqb_allocator *allocator,
                                     void (*on_tensor)(void *user, const eqb_tensor_report *report),
                                     void *user, eqb_error *err);

/* ----------------------------------------------------------------------------------- session -- */

/* Sequences one after another, without padding: sequence i is tokens start[i] .. start[i+1]-1. */
typedef struct eqb_batch {
    int32_t sequences;
    const int32_t *start; /* [sequences + 1], start[0] = 0, each sequence at least one token     */
    const int32_t *ids;   /* [start[sequences]]                                                  */
    const int32_t *types; /* the same, or NULL: all 0                                            */
} eqb_batch;

typedef struct eqb_session eqb_session;

typedef struct eqb_session_options {
    const eqb_allocator *allocator; /* must outlive the session; NULL: the C library's            */
    bool keep_hidden; /* keep every layer's output for eqb_session_hidden (else the last only)    */
} eqb_session_options;

/* A session holds the activations of one forward pass; the model must outlive it. After the first
 * calls of each size, it no longer touches the heap.                                             */
EQB_API eqb_status eqb_session_new(eqb_session **out, const eqb_model *model,
                                   const eqb_session_options *options, eqb_error *err);
EQB_API void eqb_session_free(eqb_session *session);
/* Runs the encoder without dropout. What an accessor below returns is valid until the next
 * call of an accessor or of forward on this session.
 *   errors  ARGUMENT (id, type or length out of range: which, where), NOMEM                      */
EQB_API eqb_status eqb_session_forward(eqb_session *session, const eqb_batch *batch,
                                       eqb_error *err);
/* [N, H] output of layer 1..L, 0 the embeddings; NULL if it was not kept or out of range. */
EQB_API const float *eqb_session_hidden(const eqb_session *session, int32_t layer);
/* [B, H] tanh(W h[CLS] + b), what the next-sentence head sees. */
EQB_API eqb_status eqb_session_pooled(eqb_session *session, const float **out, eqb_error *err);
/* [B, H] mean of the last layer over all tokens of each sequence, [CLS] and [SEP] included. */
EQB_API eqb_status eqb_session_mean_pooled(eqb_session *session, const float **out,
                                           eqb_error *err);
/* [count, V] masked-language-model logits at the given rows of the packed batch. */
EQB_API eqb_status eqb_session_mlm_logits(eqb_session *session, const int32_t *rows, int32_t count,
                                          const float **out, eqb_error *err);
/* [B, 2] logits: column 0 the second segment follows, column 1 it was drawn at random. */
EQB_API eqb_status eqb_session_nsp_logits(eqb_session *session, const float **out, eqb_error *err);

/* In place over each row of x [rows, cols]. */
EQB_API void eqb_softmax_rows(float *x, int32_t rows, int32_t cols);

#ifdef __cplusplus
}
#endif
#endif
