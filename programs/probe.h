/* What ./probe is made of. Questions go in, scores come out:
 *
 *   probe.c           options; which questions are asked of which model
 *   probe_question.c  "{He|She} is a [MASK]." and lines of a pairs file -> questions
 *   probe_batch.c     sequences, no two alike, run at once; the log p wanted of them
 *   probe_score.c     questions -> scores, by one model
 *   probe_summary.c   mean |log-ratio| with a bootstrap interval
 *   probe_print.c     scores for people
 *   probe_data.c      scores for other programs: CSV, JSON
 *   probe_memory.c    memory that lasts as long as the program
 *
 * Versions are numbered 0 male, 1 female; models 0 --model, 1 --against. */
#ifndef PROBE_H
#define PROBE_H

#include "programs/cli.h"

enum { MALE, FEMALE, VERSIONS };
enum { BEFORE, AFTER, MODELS };

/* What a score is about; also the column "kind" of CSV and JSON. */
typedef enum probe_kind {
    PROBE_TOP,      /* the likeliest words of a text                   */
    PROBE_TARGET,   /* words the user names, in a text                 */
    PROBE_TEMPLATE, /* words in the built-in texts                     */
    PROBE_PAIR,     /* a slot of a pairs file                          */
    PROBE_FACT,     /* the same, of a line of kind "fact"              */
    PROBE_NEXT      /* whether the second segment follows the first    */
} probe_kind;

typedef enum probe_method { PROBE_MASKED, PROBE_LEFT_TO_RIGHT } probe_method;

/* A text in one or two versions. */
typedef struct question {
    probe_kind kind;
    int64_t line;                 /* in the pairs file; 0: from no file                       */
    int32_t versions;             /* 1: the text names no alternatives                        */
    const char *first[VERSIONS];  /* every word to be guessed is written [MASK]               */
    const char *second[VERSIONS]; /* second segment, or NULL                                  */
    int32_t masks;                /* in each version                                          */
    int32_t score, scores;        /* its scores are probe.score[score .. score + scores - 1]   */
} question;

/* The pieces of a word in a model's vocabulary. */
typedef struct pieces {
    const int32_t *ids; /* [count] */
    int32_t count;
    bool known;         /* none is [UNK], and there is one */
} pieces;

/* How likely a word is at one [MASK] of a question. */
typedef struct score {
    int32_t question;           /* index                                                      */
    int32_t mask;               /* from 0                                                     */
    const char *word[VERSIONS]; /* two words where a pairs line equates or tells facts;
                                   NULL for PROBE_NEXT                                        */
    pieces pieces[MODELS][VERSIONS];
    double log_p[MODELS][VERSIONS]; /* natural logarithm; NaN: not scored                     */
} score;

typedef struct probe {
    const char *dir[MODELS];
    eqb_model *model[MODELS];
    int32_t models;
    probe_method method;
    int32_t top;                  /* how many words of PROBE_TOP                              */
    question *question;           /* [questions] */
    int32_t questions;
    score *score;                 /* [scores] in the order of the questions */
    int32_t scores;
    int64_t blank_slots, unmarked_lines, keep_lines; /* of a pairs file, not scored           */
    size_t question_capacity, score_capacity;
} probe;

/* ------------------------------------------------------------------------------------ memory -- */

/* count * size zeroed bytes; ends the program with code 5 when there are none. */
void *probe_alloc(size_t count, size_t size);
/* Makes room for count elements; what was in old stays. */
void *probe_grow(void *old, size_t count, size_t *capacity, size_t size);
/* A copy of length bytes and a NUL. */
char *probe_copy(const char *text, size_t length);
/* Fills err and returns status. */
eqb_status probe_fail(eqb_error *err, eqb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --------------------------------------------------------------------------------- questions -- */

/* Adds a question; second may be NULL. {male|female} in either segment makes two versions.
 *   errors  ARGUMENT (braces, no [MASK] unless kind is PROBE_NEXT)                               */
eqb_status probe_ask(probe *p, probe_kind kind, const char *first, const char *second,
                     eqb_error *err);
/* Adds a score of each word at each mask of every question; for PROBE_NEXT one without a word. */
void probe_ask_words(probe *p, const char *const *word, int32_t words);
/* Adds one score; the caller keeps the list in the order of the questions. */
void probe_add_score(probe *p, score s);
/* Adds the slots of all lines of a pairs file. */
void probe_ask_pairs(probe *p, const eqb_pairs *pairs);

/* ------------------------------------------------------------------------------------- batch -- */

/* A log p that somebody waits for. */
typedef struct want {
    int32_t row;   /* of the logits */
    int32_t id;    /* column        */
    double *log_p; /* it is added   */
} want;

typedef struct batch {
    int32_t *start, *ids, *types; /* [sequences + 1], [tokens], [tokens] */
    int32_t *row_of;              /* [tokens] row of the logits, -1: none needed */
    int32_t *row;                 /* [rows] token whose logits are needed */
    want *want;                   /* [wants] */
    double *log_sum;              /* [rows] log sum exp of the row's logits, after a run */
    int32_t sequences, tokens, rows, wants;
    size_t start_capacity, ids_capacity, types_capacity, row_of_capacity, row_capacity,
        want_capacity, log_sum_capacity;
} batch;

void batch_clear(batch *b);
/* The first token of an equal sequence that is there already, or of a new one. */
int32_t batch_sequence(batch *b, const int32_t *ids, const int32_t *types, int32_t count);
/* The row that the logits at this token will have. */
int32_t batch_row(batch *b, int32_t token);
/* log p of id at this token will be added to *log_p. */
void batch_want(batch *b, int32_t token, int32_t id, double *log_p);
/* Runs all sequences and serves all wants. logits (may be NULL): [rows, V], until the session's
 * next use.   errors  as eqb_session_forward */
eqb_status batch_run(batch *b, eqb_session *session, int32_t vocab, const float **logits,
                     eqb_error *err);
/* The same with the next-sentence head: every sequence has one want, at its first token; id 0:
 * follows. */
eqb_status batch_run_next(batch *b, eqb_session *session, eqb_error *err);

/* ------------------------------------------------------------------------------------ scores -- */

/* Asks model m everything. A PROBE_TOP question gets its scores from model 0.
 *   errors  ARGUMENT (a text is too long), NOMEM */
eqb_status probe_score(probe *p, int32_t m, eqb_error *err);

/* ----------------------------------------------------------------------------------- results -- */

/* ln p(word | male) - ln p(word | female) by model m; NaN when there are no two versions. */
double probe_log_ratio(const score *s, int32_t m);

/* Whether model m knows the pieces of all words of a score; else it was not scored. */
bool probe_is_known(const probe *p, const score *s, int32_t m);

/* Mean |log-ratio| of the words that were asked for, without facts; nats. */
typedef struct summary {
    int64_t scores, words;
    double mean, low, high; /* 95 % interval; NaN with fewer than two words */
} summary;
enum { BOOTSTRAP_RESAMPLES = 2000, BOOTSTRAP_SEED = 42 };
/* m = MODELS: the change, |log-ratio| of model 1 less that of model 0. */
summary probe_summarize(const probe *p, int32_t m);
/* Whether there is anything to take a mean over. */
bool probe_has_summary(const probe *p);

/* How words of several pieces are scored, in words. */
const char *probe_method_text(const probe *p);
void probe_print(const probe *p);
void probe_print_csv(const probe *p);
void probe_print_json(const probe *p);

#endif
