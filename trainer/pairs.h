/* A pairs file in memory: checked, tokenized, split. Made by pairs.c, read by pair_batch.c.
 *
 * Segments are kept as tokens without [CLS] and [SEP], so that a second segment can be exchanged
 * for another line's (a false continuation) when a batch is put together. */
#ifndef EQBI_PAIRS_H
#define EQBI_PAIRS_H

#include "autograd/tensor.h"
#include "trainer/equibert_train.h"

/* Where a slot's pieces stand: tokens begin .. begin+count-1 of its segment. A word's pieces stand
 * in the segment, masking is the batch's work; for {?} they are [MASK] from the start. */
typedef struct eqbi_slot {
    int32_t segment; /* 0 first, 1 second                                                  */
    int32_t begin, count;
    bool labelled;   /* the tokens there are the label; false: {?}, or "label" is false    */
} eqbi_slot;

/* One version of a line. */
typedef struct eqbi_side {
    int32_t *ids[2];   /* first and second segment's tokens, labels in their places */
    int32_t count[2];  /* second 0: none                                            */
    eqbi_slot *slot;   /* [slots of the line]                                       */
} eqbi_side;

/* A token in which the two versions differ: "he" and "she". */
typedef struct eqbi_gender {
    int32_t at; /* in the first segment */
    int32_t male, female;
} eqbi_gender;

typedef enum eqbi_kind { EQBI_PAIR, EQBI_FACT, EQBI_KEEP } eqbi_kind;

typedef struct eqbi_example {
    eqbi_kind kind;
    eqbi_side male, female; /* keep: only male is filled */
    int32_t slots;          /* slot k of male goes with slot k of female */
    bool marked;            /* the slots were marked in the file; else they are candidates, of which
                               a batch draws some: professions first, then in order of the text */
    int32_t professions;    /* unmarked lines: how many of the slots (the first) are professions */
    int32_t is_next;        /* 1, 0, or -1: no second segment */
    int32_t next_group;     /* of lines that may lend each other a continuation */
    int32_t *equate;        /* [equated][2] token ids: male word's piece, female word's piece; no id
                               occurs twice */
    int32_t equated;
    eqbi_gender *gender;    /* [genders] words of gender of a pair line's first segment, if all of
                               them are single pieces and stand at the same places in both versions
                               and a word of a profession stands there too; else none */
    int32_t genders;
    int32_t *word;          /* [words] numbers of the words it is held out by; in lines of the same
                               kind equal words have equal numbers */
    int32_t words;
    int32_t language;       /* number of its "lang"; equal for equal ones */
    float weight;
    bool split_given;       /* by the file, not by the hold-out */
    bool test;              /* in the held-out split */
    eqb_pair_line text;     /* what the line said    */
} eqbi_example;

struct eqb_pairs {
    eqbi_example *example; /* [count] in file order */
    int64_t count;
    size_t capacity;       /* of the array */
    eqb_pairs_summary summary;
    int32_t *profession_ids; /* ids of single-piece profession words known to the vocabulary: the
                                "professions" support set [profession_count], ascending */
    int32_t profession_count;
    /* Examples with a second segment, by group (same split and language, keep or not): group g is
     * next_example[next_start[g]] .. next_example[next_start[g+1] - 1]. */
    int64_t *next_example, *next_start;
    int32_t next_groups;
    int32_t *neutral_ids;    /* ids of all tokens but the words that are gendered by definition: the
                                "neutral" support set [neutral_count], ascending */
    int32_t neutral_count;
    int32_t *gendered_ids;   /* the rest of them [vocab_size - neutral_count], ascending */
    int32_t max_tokens;
    eqb_special_ids special;
    int32_t vocab_size;
    uint64_t sha;            /* of the file's bytes, FNV-1a 64: a resumed run checks it          */
    const eqb_allocator *allocator;
    eqbi_arena memory;       /* everything above but the array of examples */
};

#endif
