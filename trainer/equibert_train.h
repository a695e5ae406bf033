/* equibert_train.h - tensors with gradients, losses, and training.
 *
 * Three layers, each usable alone:
 *   graph   a tape of tensor operations; compose any loss, get its gradient
 *   model   BERT on a graph: encoder, heads, the built-in losses, AdamW
 *   train   the whole job: pairs file -> trained model; plain text -> pretrained model
 *
 * The rules at the top of equibert.h hold here too. While a model is trained it belongs to one
 * thread.                                                                                         */
#ifndef EQUIBERT_TRAIN_H
#define EQUIBERT_TRAIN_H

#include "engine/equibert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------- graph -- */

typedef struct eqb_graph eqb_graph;
/* A row-major float matrix [rows, cols] that belongs to a graph or a model. */
typedef struct eqb_tensor eqb_tensor;

typedef enum eqb_mode {
    EQB_MODE_INFER,   /* no tape, no dropout                      */
    EQB_MODE_RECORD,  /* tape, no dropout                         */
    EQB_MODE_TRAIN    /* tape and dropout                         */
} eqb_mode;

EQB_API eqb_status eqb_graph_new(eqb_graph **out, const eqb_allocator *allocator, eqb_error *err);
EQB_API void eqb_graph_free(eqb_graph *graph);
/* Forgets all tensors of the graph (not those of a model) and any error. Dropout masks are a
 * function of seed, step and the place in the graph: the same step gives the same masks, whatever
 * the number of threads.                                                                          */
EQB_API void eqb_graph_begin(eqb_graph *graph, eqb_mode mode, uint64_t seed, uint64_t step);
/* Dropout with this probability at every site of a model, from now on; negative: those of the model's
 * config (as a new graph has it).                                                                 */
EQB_API void eqb_graph_set_dropout(eqb_graph *graph, float p);
/* What the layers of a model may keep of one batch for backward. If it is more than that, the layers
 * keep their inputs only and are computed again in backward: the same gradients to the bit, less
 * memory, one more forward pass of the layers. 0: always. A new graph has EQB_ACTIVATION_LIMIT.   */
#define EQB_ACTIVATION_LIMIT ((size_t)1 << 31)
EQB_API void eqb_graph_set_activation_limit(eqb_graph *graph, size_t bytes);
/* The first failure since eqb_graph_begin: after it, ops return NULL and take NULL, so one check at
 * the end is enough.                                                                              */
EQB_API eqb_status eqb_graph_status(const eqb_graph *graph, eqb_error *err);
/* Computes the gradients of scale * loss, [1, 1], for everything it depends on. Gradients of model
 * parameters add up until the optimizer takes them. loss may be NULL when losses seeded theirs
 * (eqb_loss_...). The tape is used up: one call per eqb_graph_begin.                               */
EQB_API eqb_status eqb_graph_backward(eqb_graph *graph, eqb_tensor *loss, float scale,
                                      eqb_error *err);

/* A tensor with a copy of data [rows, cols]. A variable gets a gradient, a constant does not. */
EQB_API eqb_tensor *eqb_constant(eqb_graph *g, int32_t rows, int32_t cols, const float *data);
EQB_API eqb_tensor *eqb_variable(eqb_graph *g, int32_t rows, int32_t cols, const float *data);
EQB_API int32_t eqb_rows(const eqb_tensor *t);
EQB_API int32_t eqb_cols(const eqb_tensor *t);
EQB_API const float *eqb_data(const eqb_tensor *t);     /* [rows, cols] */
EQB_API const float *eqb_gradient(const eqb_tensor *t); /* [rows, cols], or NULL: none came */

/* Element by element. In add, sub and mul the second operand may also be [rows, 1], [1, cols] or
 * [1, 1] and is then repeated.   errors  ARGUMENT (shapes)                                         */
EQB_API eqb_tensor *eqb_add(eqb_graph *g, eqb_tensor *a, eqb_tensor *b);
EQB_API eqb_tensor *eqb_sub(eqb_graph *g, eqb_tensor *a, eqb_tensor *b);
EQB_API eqb_tensor *eqb_mul(eqb_graph *g, eqb_tensor *a, eqb_tensor *b);
EQB_API eqb_tensor *eqb_scale(eqb_graph *g, eqb_tensor *a, float factor);
EQB_API eqb_tensor *eqb_exp(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_log(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_tanh(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_sigmoid(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_square(eqb_graph *g, eqb_tensor *a);
/* Over each row. */
EQB_API eqb_tensor *eqb_softmax(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_log_softmax(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_row_sum(eqb_graph *g, eqb_tensor *a);  /* [rows, 1] */
EQB_API eqb_tensor *eqb_row_mean(eqb_graph *g, eqb_tensor *a); /* [rows, 1] */
/* Over all elements, [1, 1]; summed in double. */
EQB_API eqb_tensor *eqb_sum(eqb_graph *g, eqb_tensor *a);
EQB_API eqb_tensor *eqb_mean(eqb_graph *g, eqb_tensor *a);
/* op(a) op(b), op transposes when its flag says so. */
EQB_API eqb_tensor *eqb_matmul(eqb_graph *g, eqb_tensor *a, bool transpose_a, eqb_tensor *b,
                               bool transpose_b);
/* The given rows (columns) of a, in that order, repeats allowed; the indices are copied. */
EQB_API eqb_tensor *eqb_gather_rows(eqb_graph *g, eqb_tensor *a, const int32_t *rows,
                                    int32_t count);
EQB_API eqb_tensor *eqb_gather_cols(eqb_graph *g, eqb_tensor *a, const int32_t *cols,
                                    int32_t count);
/* a above b; equal numbers of columns. */
EQB_API eqb_tensor *eqb_concat_rows(eqb_graph *g, eqb_tensor *a, eqb_tensor *b);

/* --------------------------------------------------------------------------- BERT on a graph -- */

/* Gives a model a block for its gradients (once; freed with the model).   errors  NOMEM            */
EQB_API eqb_status eqb_model_gradients(eqb_model *model, eqb_error *err);
/* The next backward pass starts from nothing. */
EQB_API void eqb_model_forget_gradients(eqb_model *model);

/* The last hidden layer, [N, H], of packed sequences. The batch must live until backward.
 *   errors  ARGUMENT (an id, type or length is out of range), NOMEM                               */
EQB_API eqb_tensor *eqb_bert_encoder(eqb_graph *g, eqb_model *model, const eqb_batch *batch);
/* [B, H] tanh(W h[CLS] + b) of the encoder's output. */
EQB_API eqb_tensor *eqb_bert_pooler(eqb_graph *g, eqb_model *model, eqb_tensor *hidden,
                                    const eqb_batch *batch);
/* [count, V] logits of the masked-language-model head at these rows of hidden. */
EQB_API eqb_tensor *eqb_bert_mlm(eqb_graph *g, eqb_model *model, eqb_tensor *hidden,
                                 const int32_t *rows, int32_t count);
/* [B, 2] logits of the next-sentence head; column 0: follows. */
EQB_API eqb_tensor *eqb_bert_nsp(eqb_graph *g, eqb_model *model, eqb_tensor *pooled);
/* All of the above for a caller who wants logits and no hidden states, with the same values: *mlm
 * [count, V] at these rows of the batch, in any order; *nsp [B, 2]. Either may be NULL: not wanted.
 * In the last layer, queries, attention and feed-forward are computed for the rows that a head looks
 * at, which in training are a fifth of all. Dropout draws other masks than eqb_bert_encoder's.
 * NULL is stored on failure (and in *mlm when count is 0); eqb_graph_status says why.
 *   errors  ARGUMENT (the batch, or a row, is out of range), NOMEM                                */
EQB_API void eqb_bert_heads(eqb_graph *g, eqb_model *model, const eqb_batch *batch,
                            const int32_t *rows, int32_t count, eqb_tensor **mlm, eqb_tensor **nsp);

/* ------------------------------------------------------------------------------------ losses -- */

/* A built-in loss returns the sum of its terms (in double, not multiplied by factor) and seeds the
 * gradient of factor times that sum; eqb_graph_backward does the rest. A mean over a batch that is
 * cut into micro-batches is factor = 1 / (count in the whole batch). NULL logits (an earlier failure)
 * give 0.                                                                                         */

typedef enum eqb_label_loss {
    EQB_LABEL_CROSS_ENTROPY, /* -log p[label]                                          */
    EQB_LABEL_MSE            /* sum over V of (p - onehot(label))^2, the Brier score   */
} eqb_label_loss;

/* logits [M, V]; labels [M], -1: no label, the row counts nothing; weights [M] or NULL: all 1. */
EQB_API double eqb_loss_mlm(eqb_graph *g, eqb_tensor *logits, const int32_t *labels,
                            const float *weights, eqb_label_loss kind, float factor);
/* logits [B, 2]; labels [B]: 0 follows, 1 random, -1 no label. Cross-entropy. */
EQB_API double eqb_loss_nsp(eqb_graph *g, eqb_tensor *logits, const int32_t *labels,
                            const float *weights, float factor);

typedef enum eqb_pair_loss {
    EQB_PAIR_MSE,         /* mean over V of (a - b)^2, a and b the two logits                  */
    EQB_PAIR_CENTRED_MSE, /* the same of logits minus their mean: softmax ignores a constant   */
    EQB_PAIR_KL,          /* (KL(p|q) + KL(q|p)) / 2, p and q the two softmaxes                */
    EQB_PAIR_JS           /* (KL(p|m) + KL(q|m)) / 2, m = (p + q) / 2                          */
} eqb_pair_loss;

/* Which logits shall agree: row male of the logits with row female. */
typedef struct eqb_pair_rows {
    int32_t male, female;
    const int32_t *equate;  /* [equated][2]: the female row has these columns exchanged first */
    int32_t equated;
    float weight;
} eqb_pair_rows;

/* logits [M, V]; support: the columns that count [support_count], or NULL: all.
 *   source  logit pairing: Garg et al. 2018 (CLP); JS: Guo et al. 2022 (Auto-Debias)              */
EQB_API double eqb_loss_pair(eqb_graph *g, eqb_tensor *logits, const eqb_pair_rows *pairs,
                             int32_t count, eqb_pair_loss kind, const int32_t *support,
                             int32_t support_count, float factor);
/* KL(reference | model) over each row, or over the softmax of its support's columns; reference
 * [M, V] holds logits of the frozen original.                                                     */
EQB_API double eqb_loss_keep(eqb_graph *g, eqb_tensor *logits, const float *reference,
                             const float *weights, const int32_t *support, int32_t support_count,
                             float factor);

/* (KL(t | male) + KL(t | female)) / 2 over each pair, t the softmax of the mean of the frozen
 * original's two rows; reference [2 * count, V] holds these, male and female by turns. No equated
 * columns.                                                                                        */
EQB_API double eqb_loss_midpoint(eqb_graph *g, eqb_tensor *logits, const float *reference,
                                 const eqb_pair_rows *pairs, int32_t count, float factor);

/* ------------------------------------------------------------------------------- pairs files -- */

/* A checked pairs file (JSON Lines; README.md, "The pairs file"), tokenized for one model. */
typedef struct eqb_pairs eqb_pairs;

typedef struct eqb_pairs_options {
    bool skip_bad;      /* leave out lines with faults instead of refusing the file             */
    double holdout;     /* share of professions held out for evaluation; default 0.2            */
    uint64_t seed;      /* chooses them; default 42                                             */
    /* Told every fault: line is 1, 2, ...; NULL: nobody is told.                               */
    void (*on_fault)(void *user, const char *file, int64_t line, const char *reason);
    void *user;
    const eqb_allocator *allocator; /* must outlive the pairs; NULL: the C library's            */
} eqb_pairs_options;

EQB_API void eqb_pairs_options_default(eqb_pairs_options *options);

typedef struct eqb_pairs_summary {
    int64_t lines, faults;          /* lines that hold an object; those among them with faults  */
    int64_t pair, fact, keep;       /* usable lines by kind                                     */
    int64_t with_next;              /* pair and fact lines with a second segment                */
    int64_t train, test;            /* usable lines by split                                    */
    int64_t professions, held_out;  /* distinct slot words of pair lines; those in the test split */
    int64_t slots;                  /* of pair lines                                            */
} eqb_pairs_summary;

/* Reads and checks a whole file. Any fault makes the call fail unless skip_bad.
 *   errors  IO, NOMEM, DATA (how many faults; the first one in full), ARGUMENT (holdout or
 *           max_tokens out of range, tokenizer NULL)                                            */
EQB_API eqb_status eqb_pairs_load(eqb_pairs **out, const char *path,
                                  const eqb_tokenizer *tokenizer, int32_t max_tokens,
                                  const eqb_pairs_options *options, eqb_error *err);
EQB_API void eqb_pairs_free(eqb_pairs *pairs);
EQB_API eqb_pairs_summary eqb_pairs_get_summary(const eqb_pairs *pairs);

/* One usable line, for programs that show or score them. Strings belong to the pairs object. */
typedef struct eqb_pair_line {
    int64_t line;               /* in the file, from 1                                           */
    const char *kind;           /* "pair", "fact", "keep"                                        */
    const char *male, *female;  /* the sentences with {slots}; keep: both are text               */
    const char *next_male, *next_female; /* NULL: no second segment                              */
    int32_t is_next;            /* 1 follows, 0 does not, -1 no second segment                   */
    bool test;                  /* in the test split                                             */
    const char *profession;     /* first slot's word, male side; NULL for none                   */
} eqb_pair_line;
EQB_API int64_t eqb_pairs_count(const eqb_pairs *pairs);
EQB_API eqb_pair_line eqb_pairs_line(const eqb_pairs *pairs, int64_t index);

/* --------------------------------------------------------------------------------- optimizer -- */

typedef struct eqb_optimizer_options {
    double learning_rate;       /* the peak of the schedule                                     */
    double beta1, beta2;        /* default 0.9, 0.999                                           */
    double epsilon;             /* default 1e-8                                                 */
    double weight_decay;        /* default 0.01; not for biases and LayerNorm                   */
    double pull;                /* share of the way back to the parameters of pull_to that a step at
                                   the peak rate goes, at others less in proportion; default 0.
                                   L2-SP (Li, Grandvalet, Davoine 2018), decoupled like the decay */
    const eqb_model *pull_to;   /* of the same shape, must outlive the optimizer; eqb_train sets it:
                                   the model as it was                                          */
    double clip_norm;           /* global gradient norm; default 1; 0: no clipping              */
    double warmup;              /* share of the steps with a rising rate, 0 <= warmup < 1       */
    double decay;               /* share of the steps, at the end, with a falling rate; default 1:
                                   all after the warm-up                                        */
    const char *freeze;         /* comma-separated parts of parameter names that stay fixed, e.g.
                                   "embeddings,encoder.layer.0."; NULL: none                    */
} eqb_optimizer_options;

EQB_API void eqb_optimizer_options_default(eqb_optimizer_options *options);

/* AdamW with the moments of every parameter of a model.
 *   source  Loshchilov, Hutter 2019; the arithmetic is torch.optim.AdamW's                     */
typedef struct eqb_optimizer eqb_optimizer;
EQB_API eqb_status eqb_optimizer_new(eqb_optimizer **out, eqb_model *model,
                                     const eqb_optimizer_options *options, eqb_error *err);
EQB_API void eqb_optimizer_free(eqb_optimizer *optimizer);
/* One update with this learning rate from the model's gradients, which are forgotten then. *norm (may
 * be NULL) gets the gradient's global norm before clipping.
 *   errors  DIVERGED: the norm is not finite; nothing was changed                               */
EQB_API eqb_status eqb_optimizer_step(eqb_optimizer *optimizer, double learning_rate, double *norm,
                                      eqb_error *err);
/* Linear warm-up from 0, the peak, then linear decay to 0, for step 0 .. steps-1.
 *   source  transformers get_linear_schedule_with_warmup                                       */
EQB_API double eqb_learning_rate(const eqb_optimizer_options *options, int64_t step,
                                 int64_t steps);

/* ----------------------------------------------------------------------------------- the run -- */

/* What a run tells its caller after each step. */
typedef struct eqb_progress {
    int64_t step, steps;          /* done, in all                                               */
    double loss;                  /* weighted total                                             */
    double mlm, nsp, pair, odds, keep; /* unweighted means; NaN where a batch has none          */
    double learning_rate, gradient_norm;
    double tokens_per_second, seconds, seconds_left;
    const char *saved;            /* directory of a checkpoint just written, or NULL            */
} eqb_progress;

/* Returns 0 to go on; anything else ends the run after a checkpoint (EQB_ERR_CANCELLED). */
typedef int (*eqb_progress_fn)(void *user, const eqb_progress *progress);

/* What all runs share. A run with an output directory writes there: metrics.jsonl, a line per step;
 * checkpoint-<step>/, a Hugging Face directory with the state to resume from; at the end the model.
 * A checkpoint appears whole or not at all, whatever happens. One run at a time per directory.   */
typedef struct eqb_run_options {
    const char *output;          /* NULL: nothing is written                                    */
    bool resume;                 /* go on from the newest whole checkpoint in output             */
    bool restart;                /* throw away an unfinished run found in output                 */
    int64_t steps;               /* in all                                                      */
    int64_t save_every;          /* steps between checkpoints; 0: at the end and on cancel only  */
    int32_t keep_checkpoints;    /* older ones are removed; default 2                           */
    int32_t accumulate;          /* micro-batches a step; default 1                             */
    uint64_t seed;               /* default 42                                                  */
    double dropout;              /* of hidden states and attention; negative: the model's config */
    size_t activation_limit;     /* of a micro-batch: eqb_graph_set_activation_limit            */
    eqb_progress_fn on_progress; /* may be NULL                                                 */
    void (*on_note)(void *user, const char *line); /* may be NULL                               */
    void *user;
    const eqb_allocator *allocator;
} eqb_run_options;

/* ---------------------------------------------------------------------------- train on pairs -- */

/* A loss of the caller's own, added to the built-in ones.
 * logits [M, V] (NULL when a batch has no masked token) and nsp [sequences, 2] (NULL without second
 * segments or a head for them) are on the graph; pairs and next_pairs say which rows belong together.
 * Returns a [1, 1] tensor made with the ops above, or NULL after a failure, which ends the run.   */
typedef eqb_tensor *(*eqb_custom_loss_fn)(void *user, eqb_graph *g, eqb_tensor *logits,
                                          const eqb_pair_rows *pairs, int32_t pair_count,
                                          eqb_tensor *nsp, const eqb_pair_rows *next_pairs,
                                          int32_t next_pair_count);

typedef enum eqb_support {
    EQB_SUPPORT_ALL,        /* the pair loss looks at the whole vocabulary      */
    EQB_SUPPORT_NEUTRAL,    /* at all but the words that are gendered by definition */
    EQB_SUPPORT_PROFESSIONS /* at the lexicon's single-piece profession words   */
} eqb_support;

typedef struct eqb_train_options {
    eqb_run_options run;
    eqb_optimizer_options optimizer;
    int32_t batch;               /* lines a micro-batch                                         */
    double weight_mlm, weight_nsp; /* of the true word, of the true decision                    */
    double weight_pair;          /* of agreement of the two versions' words                     */
    double weight_next_pair;     /* of agreement of their decisions                             */
    double weight_odds;          /* of the other direction: he against she must not depend on the
                                    profession; squared change of the log-odds                  */
    double weight_keep;          /* of staying close to the original in keep and fact lines     */
    double weight_pair_keep;     /* the same in pair lines: the gendered words, among themselves, at
                                    slots; decisions, to the mean of the original's two         */
    eqb_pair_loss pair_loss;      /* of words                                                    */
    eqb_pair_loss next_pair_loss; /* of decisions                                                */
    eqb_support support;
    eqb_label_loss label_loss;
    double borrow_next;          /* share of pair lines without a second segment that get another
                                    line's, for the sake of agreement                           */
    double false_next;           /* share of true continuations exchanged for false ones        */
    eqb_custom_loss_fn custom_loss; /* may be NULL */
    void *custom_user;
} eqb_train_options;

EQB_API void eqb_train_options_default(eqb_train_options *options);
/* The weight_pair that suits a loss: a divergence is smaller than a square of differences of logits. */
EQB_API double eqb_pair_weight(eqb_pair_loss loss);
/* The losses and weights of the plainest recipe: true words, true decisions, and MSE of all logits of
 * the two versions, each weighing 1; nothing else, nothing frozen. The rest of the options stays. */
EQB_API void eqb_train_options_plain(eqb_train_options *options);

/* How a model treats the test lines of a pairs file. Index 0: male version, 1: female. A mean over
 * nothing is NaN.                                                                               */
typedef struct eqb_evaluation {
    int64_t slots;            /* labelled slots of pair lines                                   */
    double gap;               /* mean |log p(word | male) - log p(word | female)|, nats, over words,
                                 all pieces of a word masked together, their log p added         */
    double slot_js;           /* mean Jensen-Shannon divergence between the versions, nats, over all
                                 slots of pair lines, labelled or not                            */
    double mlm_loss[2];       /* mean -log p of the labels' pieces                               */
    double mlm_accuracy[2];
    int64_t odds;             /* words of gender of pair lines that show a profession           */
    double odds_gap;          /* mean |change of ln p(he)/p(she) by showing the profession|, nats */
    int64_t next;             /* pair lines with a second segment                               */
    double next_accuracy[2];
    double next_gap;          /* mean |P(follows | male) - P(follows | female)|                  */
    int64_t facts;            /* labelled slots of fact lines                                   */
    double fact_loss;         /* mean -log p of their pieces, both versions                      */
    int64_t keeps;            /* masked tokens of keep lines                                    */
    double keep_kl;           /* mean KL(original | model), nats                                */
    int64_t next_keeps;       /* second segments of keep and fact lines                         */
    double next_keep_kl;      /* mean KL(original | model) of their decisions, nats             */
} eqb_evaluation;

/* Scores model on the test lines (on all lines if there are none; note then). original: what keep
 * lines are compared with; NULL: not compared.   errors  MODEL (no MLM head), NOMEM               */
EQB_API eqb_status eqb_evaluate(eqb_evaluation *out, eqb_model *model, eqb_model *original,
                                const eqb_pairs *pairs, const eqb_allocator *allocator,
                                eqb_error *err);

/* Trains model on the train lines. before and after (may be NULL) get its evaluations.
 *   errors  MODEL (a needed head is missing), DATA (nothing to train on; a checkpoint of other
 *           settings), DIVERGED (the last checkpoint is intact), CANCELLED, IO, NOMEM            */
EQB_API eqb_status eqb_train(eqb_model *model, const eqb_pairs *pairs,
                             const eqb_train_options *options, eqb_evaluation *before,
                             eqb_evaluation *after, eqb_error *err);

/* ----------------------------------------------------------------------------------- pretrain -- */

/* Plain text of any size, cut into tokenized sentences; a blank line ends a document. The files are
 * read when the corpus is made and again, in parts, as they are needed: they must not change.      */
typedef struct eqb_corpus eqb_corpus;

typedef struct eqb_corpus_options {
    int64_t window;      /* bytes of text whose tokens are in memory at a time; default 16 MiB      */
    double heldout;      /* share of the documents that is held out; default 0                      */
    bool heldout_part;   /* the corpus is that share, not the rest                                  */
    const eqb_allocator *allocator;
} eqb_corpus_options;

EQB_API void eqb_corpus_options_default(eqb_corpus_options *options);

/* Learns a WordPiece vocabulary of at most size tokens from text files (paths[count], one paragraph a
 * line) and makes a tokenizer from it.   errors  IO, NOMEM, DATA (no text)
 *   source  the merge rule of Hugging Face's WordPieceTrainer: most frequent pair first           */
EQB_API eqb_status eqb_tokenizer_learn(eqb_tokenizer **out, const char *const *paths,
                                       int32_t count, int32_t size,
                                       const eqb_tokenizer_options *options, eqb_error *err);
/* Reads and counts text files (paths[count]); tokenizer must outlive the corpus, options may be NULL.
 *   errors  IO, NOMEM, DATA (fewer than two documents or three sentences, except in a held-out part) */
EQB_API eqb_status eqb_corpus_load(eqb_corpus **out, const char *const *paths, int32_t count,
                                   const eqb_tokenizer *tokenizer,
                                   const eqb_corpus_options *options, eqb_error *err);
EQB_API void eqb_corpus_free(eqb_corpus *corpus);
EQB_API int64_t eqb_corpus_tokens(const eqb_corpus *corpus);
EQB_API int64_t eqb_corpus_documents(const eqb_corpus *corpus);

typedef struct eqb_pretrain_options {
    eqb_run_options run;
    eqb_optimizer_options optimizer;
    int32_t batch_tokens;    /* tokens a micro-batch, about                                      */
    int32_t max_tokens;      /* of a sequence                                                    */
    double short_sequences;  /* share cut to a random shorter length; default 0.1                */
    double single;           /* share of instances that are one sentence, without a next one;
                                default 0.1                                                     */
    double mask;             /* share of tokens predicted; default 0.15                          */
    bool whole_words;        /* all pieces of a word together                                    */
} eqb_pretrain_options;

EQB_API void eqb_pretrain_options_default(eqb_pretrain_options *options);

typedef struct eqb_pretrain_evaluation {
    int64_t masked, sequences, pairs;
    double mlm_loss, mlm_accuracy, nsp_accuracy;
    double unigram_loss, unigram_accuracy; /* of always predicting by frequency: the baseline     */
    double nsp_majority;                   /* of always saying the commoner answer                */
} eqb_pretrain_evaluation;

/* Trains MLM + NSP on sentence pairs made as Google's create_pretraining_data.py makes them, new ones
 * each epoch.   errors  as eqb_train                                                             */
EQB_API eqb_status eqb_pretrain(eqb_model *model, const eqb_corpus *corpus,
                                const eqb_pretrain_options *options, eqb_error *err);
/* Scores a model on at most max_sequences sentence pairs of a corpus it has not seen; frequencies for
 * the baseline come from reference (the training corpus) or, if NULL, from corpus itself.         */
EQB_API eqb_status eqb_pretrain_evaluate(eqb_pretrain_evaluation *out, eqb_model *model,
                                         const eqb_corpus *corpus, const eqb_corpus *reference,
                                         const eqb_pretrain_options *options,
                                         int64_t max_sequences, eqb_error *err);

#ifdef __cplusplus
}
#endif
#endif
