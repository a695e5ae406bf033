/* Many sentences run at once, and the log p that somebody waits for.
 *
 *     ask_text(a, "He is a [MASK] [MASK].", NULL, err);
 *     ask_word(a, 0, &nurse, &log_p);              // added to log_p, which starts at 0
 *     ask_run(a, err);
 *
 * A full batch runs by itself, so log_p must live until ask_run. */
#ifndef BIAS_ASK_H
#define BIAS_ASK_H

#include "programs/bias.h"

/* One sentence has at most MOST_PIECES masks and 512 tokens; ROOM leaves space for one more. */
enum { MOST_PIECES = 16, FULL_TOKENS = 2048, ROOM_TOKENS = FULL_TOKENS + 512 };
enum { MOST_SEQUENCES = FULL_TOKENS, FULL_WANTS = 16384 };
enum { ROOM_WANTS = FULL_WANTS + PROFESSIONS * MOST_PIECES };

/* The pieces of a word in a model's vocabulary; count 0: it has not all of them. */
typedef struct word {
    int32_t ids[MOST_PIECES], count;
} word;

typedef struct want {
    int32_t row, id; /* of the logits, the column */
    double *log_p;
} want;

typedef struct ask {
    const char *dir;
    const eqb_model *model;
    const eqb_tokenizer *tokenizer;
    eqb_special_ids special;
    eqb_session *session;
    eqb_encoding text;
    bool next;             /* the logits are those of the next-sentence head, a row a sequence */
    int32_t start[MOST_SEQUENCES + 1], ids[ROOM_TOKENS], types[ROOM_TOKENS];
    int32_t row[ROOM_TOKENS]; /* [rows] tokens                        */
    double log_sum[ROOM_TOKENS];
    want want[ROOM_WANTS];
    int32_t sequences, rows, wants;
    int32_t first_row;     /* of the last sentence, its first mask */
} ask;

eqb_status ask_open(ask *a, const char *dir, const eqb_model *model, eqb_error *err);
void ask_close(ask *a);
/* Splits a word; *out is empty if the vocabulary lacks a piece. */
eqb_status ask_split(ask *a, const char *text, word *out, eqb_error *err);
/* Adds a sentence; second may be NULL.   errors  as ask_run, ARGUMENT (too long) */
eqb_status ask_text(ask *a, const char *first, const char *second, eqb_error *err);
/* The log p of a word, all its pieces masked together, from mask number mask of the last sentence. */
void ask_word(ask *a, int32_t mask, const word *w, double *log_p);
/* The log p that the second segment of the last sentence follows; only if a->next. */
void ask_follows(ask *a, double *log_p);
/* Runs what is left.   errors  CANCELLED (a signal came), NOMEM */
eqb_status ask_run(ask *a, eqb_error *err);

#endif
