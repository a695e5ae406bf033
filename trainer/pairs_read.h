/* How a pairs file is read: what its stages share.
 *
 *     bytes -> lines (pairs.c) -> fields (pairs_fields.c) -> tokens and slots (pairs_text.c)
 *           -> checked by the rules, made an example (pairs_line.c, pairs_rules.c, pairs_align.c)
 *           -> split into train and test (holdout.c), summed up (pairs_finish.c)
 *
 * A fault is a property of the file: it is told to the host, marks the line as bad, and reading
 * goes on. Only what stops the reading (no memory) is returned as a status. */
#ifndef EQBI_PAIRS_READ_H
#define EQBI_PAIRS_READ_H

#include "trainer/lexicon.h"
#include "trainer/names.h"
#include "trainer/pairs.h"
#include "weights/json.h"

typedef struct eqbi_reader {
    eqb_pairs *pairs;
    const eqb_tokenizer *tokenizer;
    const eqb_pairs_options *options;
    const char *path;
    int64_t line;        /* that is being read or complained about    */
    bool bad;            /* it has a fault                            */
    eqb_error first;     /* the first fault of the file: "reason"     */
    int64_t first_line;
    eqb_encoding encoding;
    eqbi_arena scratch;  /* memory of one line                        */
    eqbi_names ids;      /* of lines                                  */
    eqbi_names languages;
    eqbi_names words[2]; /* by kind, pair and fact: words of slots, by which lines are held out */
} eqbi_reader;

/* Tells a fault of the current line. */
void eqbi_fault(eqbi_reader *r, const char *format, ...) EQBI_PRINTF(2, 3);
eqb_status eqbi_no_memory(const eqbi_reader *r, eqb_error *err);

/* A text cut to what a message has room for: eqbi_show(text, length).text */
typedef struct eqbi_shown {
    char text[64];
} eqbi_shown;
eqbi_shown eqbi_show(const char *text, size_t length);

/* ------------------------------------------------------------------------------------- fields
 * -- */

typedef struct eqbi_word_pair {
    const char *male, *female; /* as written */
    const char *folded[2];
} eqbi_word_pair;

/* What one object says; strings stand in the JSON document. */
typedef struct eqbi_fields {
    eqbi_kind kind;
    const char *male, *female, *next_male, *next_female; /* keep: male is the text */
    const char *lang;                                    /* or NULL                */
    int32_t is_next;
    bool label;
    eqbi_word_pair *equate; /* [equated] in scratch memory */
    int32_t equated;
    double weight;
    int split; /* 0 train, 1 test, -1 not given */
} eqbi_fields;

/* On return r->bad says whether the fields can be used.   errors  NOMEM */
eqb_status eqbi_read_fields(eqbi_reader *r, const eqbi_json *doc, eqbi_fields *out,
                            eqb_error *err);

/* ----------------------------------------------------------------------------- text and slots
 * -- */

/* A slot in the text of a segment. */
typedef struct eqbi_mark_up {
    size_t begin, end;     /* bytes of the plain text, without spaces around               */
    int32_t blank;         /* pieces of {?}; 0: a word                                     */
    char *folded;          /* a word's folded text                                         */
    int32_t token, tokens; /* its tokens in the segment                                    */
} eqbi_mark_up;

/* One segment of one version, in scratch memory except for ids. */
typedef struct eqbi_segment {
    const char *name;  /* of the field: "male", "next" ... */
    const char *raw;   /* as it is written */
    char *text;        /* without the marks; [MASK] for blanks */
    size_t length;
    eqbi_mark_up *slot; /* [slots] */
    int32_t slots;
    int32_t *ids;      /* [count], in the memory of the pairs */
    eqb_span *spans;   /* [count] in text */
    int32_t count;
} eqbi_segment;

/* Takes the marks out of raw and finds the tokens of text and slots.   errors  NOMEM */
eqb_status eqbi_read_segment(eqbi_reader *r, const char *name, const char *raw,
                             eqbi_segment *out, eqb_error *err);

/* --------------------------------------------------------------------------- rules and slots -- */

/* A line's segments; segment[side][1].name is NULL when there is no second one. */
typedef struct eqbi_line {
    const eqbi_fields *fields;
    eqbi_segment segment[2][2]; /* [male, female][first, second] */
} eqbi_line;

/* What must hold between the two versions. */
void eqbi_check_rules(eqbi_reader *r, const eqbi_line *line);
/* Whether two folded words are a pair of "equate". */
bool eqbi_equated(const eqbi_fields *fields, const char *male, const char *female);

/* Fills the slots of an unmarked line (keep lines: all words), professions first.   errors
 * NOMEM */
eqb_status eqbi_find_candidates(eqbi_reader *r, const eqbi_line *line, eqbi_example *out,
                                eqb_error *err);
/* Fills the words of gender of a pair line, whose slots are there already.   errors  NOMEM */
eqb_status eqbi_find_gender(eqbi_reader *r, const eqbi_line *line, eqbi_example *out,
                            eqb_error *err);
/* Checks and completes a line; if it is good, it becomes the last example.   errors  NOMEM */
eqb_status eqbi_read_line(eqbi_reader *r, const eqbi_fields *fields, eqb_error *err);

/* ---------------------------------------------------------------------------- the whole file -- */

/* Decides which examples are the test split; contradictions are faults.   errors  NOMEM */
eqb_status eqbi_hold_out(eqbi_reader *r, eqb_error *err);
/* Groups of continuations, the professions' ids, the summary.   errors  NOMEM */
eqb_status eqbi_finish_pairs(eqbi_reader *r, eqb_error *err);

#endif
