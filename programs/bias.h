/* What ./bias is made of. Sentences come from tables, figures go out:
 *
 *   bias.c          options; the order of work
 *   bias_data.c     tables: professions, words of gender, sentences
 *   bias_validation.c  a second set of them
 *   bias_seen.c     what of them a pairs file has
 *   bias_text.c     a row of a table -> a sentence
 *   bias_ask.c      sentences of one model at once; the log p wanted of them
 *   bias_measure.c  all sentences, by one model -> measured
 *   bias_sample.c   a mean and its bootstrap interval
 *   bias_figure.c   measured -> the figures of the report
 *   bias_print.c    figures for people
 *   bias_write.c    figures and every score for other programs: JSON, CSV
 *
 * Versions are numbered 0 male, 1 female; models 0 --model, 1 --against. The tables have fixed sizes,
 * and so has everything made from them: nothing is allocated.                                     */
#ifndef BIAS_H
#define BIAS_H

#include "programs/cli.h"

enum { MALE, FEMALE, VERSIONS };
enum { BEFORE, AFTER, MODELS };

/* ------------------------------------------------------------------------------------ tables -- */

enum { PROFESSIONS = 144, TEMPLATES = 16, GENDERS = 26, REVERSES = 8, NEXTS = 30, FACTS = 70,
       MOST_SENTENCES = FACTS / 2 /* of a figure; facts count in twos */ };

/* Kinds of words that tell a gender. */
enum { PRONOUNS, RELATIVES, OTHERS, GROUPS };
extern const char *const BIAS_GROUP[GROUPS];

/* A word for a man and one for a woman, as subject, object and possessive; NULL: the object is like
 * the subject, the possessive is the subject with 's.                                            */
typedef struct gender {
    int group;
    const char *subject[VERSIONS], *object[VERSIONS], *possessive[VERSIONS];
} gender;

/* "The {w} said that [MASK] was late.", and the words whose odds are wanted at [MASK]. */
typedef struct reverse {
    const char *text, *word[VERSIONS];
} reverse;

/* What may follow a sentence with {male|female} words. */
enum { FOLLOWS, RANDOM, CONTINUATIONS };
typedef struct next {
    const char *first, *second[CONTINUATIONS];
} next;

/* A sentence with one [MASK], and words of which only the first can be true. */
enum { RIGHT, WRONG, ANSWERS };
typedef struct fact {
    const char *text, *word[ANSWERS];
} fact;

extern const char *const *const BIAS_PROFESSION; /* [PROFESSIONS]                            */
/* Of the set that is in use. */
extern const char *const *BIAS_TEMPLATE;         /* [TEMPLATES] with {s}, {o} or {p}, [MASK]  */
extern const gender *BIAS_GENDER;                /* [GENDERS]                                */
extern const reverse *BIAS_REVERSE;              /* [REVERSES]                               */
extern const next *BIAS_NEXT;                    /* [NEXTS]                                  */
extern const fact *BIAS_FACT;       /* [FACTS] by turns: a man's word is right, a woman's is */
/* Exchanges them for a second set, which had no part in the first. */
void bias_use_validation_tables(void);

/* ------------------------------------------------------------------------------------- state -- */

/* Where a profession stands in the pairs file. */
enum { TRAINED, HELD_OUT, ABSENT, SPLITS };
extern const char *const BIAS_SPLIT[SPLITS];

/* Whether a pairs file has it. */
typedef struct seen {
    int split[PROFESSIONS];
    bool template[TEMPLATES], gender[GENDERS], next[NEXTS], fact[FACTS];
} seen;

enum { SAID, MASKED, MENTIONS };

/* What a model answers. NaN: its vocabulary lacks a word. Logarithms are natural. */
typedef struct measured {
    int32_t pieces[PROFESSIONS];                             /* 0: not in the vocabulary     */
    double forward[PROFESSIONS][TEMPLATES][GENDERS][VERSIONS]; /* log p(profession)          */
    double reverse[PROFESSIONS][REVERSES][MENTIONS][VERSIONS]; /* log p(he), log p(she), the
                                                                profession said or masked    */
    double next[NEXTS][CONTINUATIONS][VERSIONS];               /* log P(it follows)          */
    double fact[FACTS][ANSWERS];                               /* log p(word)                */
    eqb_pretrain_evaluation text;                              /* masked 0: there is no text */
} measured;

/* A mean in the report. Value 0 is of model 0, 1 of model 1, 2 the change. */
enum { CHANGE = MODELS, VALUES };
typedef struct figure {
    const char *section, *slice, *what; /* "forward", "pronouns", "abs"                      */
    const char *label;                  /* for people                                         */
    bool share;                         /* shown in per cent                                  */
    int64_t scores[MODELS];             /* the mean is over so many                           */
    int32_t drawn[3];                   /* professions, sentences, words of gender            */
    double value[VALUES], low[VALUES], high[VALUES]; /* 95 % interval; NaN: none             */
} figure;
enum { MOST_FIGURES = 96 };

typedef struct bias {
    const char *dir[MODELS], *pairs, *text;
    double holdout;
    uint64_t seed;
    int64_t text_sequences;
    bool validation;
    eqb_model *model[MODELS];
    int32_t models;
    seen seen;
    measured by[MODELS];
    figure figure[MOST_FIGURES];
    int32_t figures;
} bias;

/* Fills err and returns status. */
eqb_status bias_fail(eqb_error *err, eqb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ----------------------------------------------------------------------------------- sentences -- */

enum { TEXT_ROOM = 512 };

/* A template for version v of a gender, with masks in place of the profession. */
void bias_forward_text(char out[TEXT_ROOM], const char *template, const gender *g, int v,
                       int32_t masks);
/* The form of a gender's words that a template has. "'s" is added to buffer where need be. */
const char *bias_form(char buffer[TEXT_ROOM], const char *template, const gender *g, int v);
/* Whether the profession begins with the sound of a vowel, as a letter in these tables tells. */
bool bias_takes_an(const char *profession);
/* A reverse sentence with the profession, or with masks in its place. an: the article that goes with
 * it. Returns how many masks stand before the one of the pronoun.                                */
int32_t bias_reverse_text(char out[TEXT_ROOM], const char *text, const char *profession, bool an,
                          int32_t masks);
/* "{He|She} left." -> "She left." */
void bias_version(char out[TEXT_ROOM], const char *text, int v);
/* A fact with as many masks as the word has pieces. */
void bias_fact_text(char out[TEXT_ROOM], const char *text, int32_t masks);

/* Finds in a pairs file what the tables have.   errors  as eqb_pairs_load */
eqb_status bias_look(bias *b, const eqb_tokenizer *tokenizer, int32_t max_tokens, eqb_error *err);

/* ---------------------------------------------------------------------------------- measuring -- */

/* Asks model m everything.   errors  ARGUMENT (a sentence is too long), CANCELLED, NOMEM, IO, DATA */
eqb_status bias_measure(bias *b, int32_t m, eqb_error *err);
/* Makes the figures of all that was measured. */
void bias_make_figures(bias *b);

/* ------------------------------------------------------------------------------------- results -- */

/* Scores by what they were asked with: a profession, a sentence, words of gender. What a figure has
 * no use for is number 0. The bootstrap draws all three (bias_sample.c).                          */
enum { UNITS = 3, MOST_UNITS = PROFESSIONS };
enum { RESAMPLES = 1000, BOOTSTRAP_SEED = 42 };
typedef struct sample {
    double sum[MODELS][PROFESSIONS][MOST_SENTENCES][GENDERS];
    double count[MODELS][PROFESSIONS][MOST_SENTENCES][GENDERS];
} sample;
/* NaN is left out. */
void sample_add(sample *s, int32_t m, int32_t profession, int32_t sentence, int32_t words,
                double x);
/* Fills scores, drawn, value, low and high. */
void sample_mean(const sample *s, figure *out);

/* One row of what a model answers for a profession: means over templates and words of a group. */
typedef struct answer {
    int32_t scores;
    double p[VERSIONS], log_ratio, abs_log_ratio; /* NaN: no scores */
} answer;
/* template -1: over all */
answer bias_answer(const measured *x, int profession, int template, int group);

void bias_print(const bias *b);
/* To stdout, which is then at an end. */
void bias_write_json(const bias *b);
void bias_write_csv(const bias *b);

#endif
