/* Texts -> questions; see probe.h. Two notations lead to the same, a text with [MASK] in each
 * version: a user's "{He|She} is a [MASK].", and a pairs line's "He is a {nurse}.", which brings
 * the word with it.                                                                              */
#include "programs/probe.h"

#include <stdio.h>
#include <string.h>

static const char MASK[] = "[MASK]";
enum { MASK_BYTES = sizeof MASK - 1, MOST_BLANKS = 9 };

static void add_question(probe *p, question q)
{
    p->question = probe_grow(p->question, (size_t)p->questions + 1, &p->question_capacity,
                             sizeof *p->question);
    p->question[p->questions++] = q;
}

void probe_add_score(probe *p, score s)
{
    p->score = probe_grow(p->score, (size_t)p->scores + 1, &p->score_capacity, sizeof *p->score);
    p->score[p->scores++] = s;
}

/* Whether text[i] is a brace or a bar that stands for itself because of the backslash before it. */
static bool is_escape(const char *text, size_t i, const char *escapable)
{
    return text[i] == '\\' && text[i + 1] && strchr(escapable, text[i + 1]);
}

/* ------------------------------------------------------------------------------ alternatives -- */

static eqb_status fail_at(eqb_error *err, const char *text, size_t at, const char *what)
{
    size_t length = strlen(text);
    return probe_fail(err, EQB_ERR_ARGUMENT, "%s at character %zu of \"%s\"; write {He|She}", what,
                      eqb_character_offset(text, length, at) + 1, text);
}

/* "{He|She} is" -> "He is", "She is". *two becomes true when there are alternatives. */
static eqb_status expand(const char *text, const char *out[VERSIONS], bool *two, eqb_error *err)
{
    enum { BOTH = VERSIONS };
    int side = BOTH; /* or the version whose alternative is being read */
    size_t length = strlen(text), size[VERSIONS] = {0, 0}, opened = 0;
    char *to[VERSIONS] = {probe_alloc(length + 1, 1), probe_alloc(length + 1, 1)};
    for (size_t i = 0; i < length; i++) {
        bool escaped = is_escape(text, i, "{|}");
        i += escaped;
        char c = escaped ? 'x' : text[i]; /* what it means, not what it is */
        if (c == '{') {
            if (side != BOTH) return fail_at(err, text, i, "\"{\" inside \"{\"");
            side = MALE;
            opened = i;
        } else if (c == '|' && side != BOTH) {
            if (side == FEMALE) return fail_at(err, text, i, "a third alternative");
            side = FEMALE;
        } else if (c == '}') {
            if (side == BOTH) return fail_at(err, text, i, "\"}\" without \"{\"");
            if (side == MALE) return fail_at(err, text, opened, "only one alternative");
            side = BOTH;
            *two = true;
        } else {
            for (int v = 0; v < VERSIONS; v++)
                if (side == BOTH || side == v) to[v][size[v]++] = text[i];
        }
    }
    if (side != BOTH) return fail_at(err, text, opened, "\"{\" without \"}\"");
    for (int v = 0; v < VERSIONS; v++) out[v] = to[v];
    return EQB_OK;
}

static int32_t count_masks(const char *text)
{
    int32_t n = 0;
    while (text && (text = strstr(text, MASK)) != NULL) {
        text += MASK_BYTES;
        n++;
    }
    return n;
}

eqb_status probe_ask(probe *p, probe_kind kind, const char *first, const char *second,
                     eqb_error *err)
{
    question q = {.kind = kind};
    bool two = false;
    eqb_status status = expand(first, q.first, &two, err);
    if (status == EQB_OK && second) status = expand(second, q.second, &two, err);
    if (status != EQB_OK) return status;
    q.versions = two ? VERSIONS : 1;
    q.masks = count_masks(q.first[MALE]) + count_masks(q.second[MALE]);
    if (count_masks(q.first[FEMALE]) + count_masks(q.second[FEMALE]) != q.masks)
        return probe_fail(err, EQB_ERR_ARGUMENT,
                          "the two versions of \"%s\" have different numbers of %s", first, MASK);
    if (q.masks == 0 && kind != PROBE_NEXT)
        return probe_fail(err, EQB_ERR_ARGUMENT,
                          "no %s in \"%s\": write it, in capitals, where a word is to be guessed",
                          MASK, first);
    add_question(p, q);
    return EQB_OK;
}

void probe_ask_words(probe *p, const char *const *word, int32_t words)
{
    for (int32_t i = 0; i < p->questions; i++) {
        question *q = &p->question[i];
        q->score = p->scores;
        if (q->kind == PROBE_NEXT) probe_add_score(p, (score){.question = i});
        for (int32_t k = 0; k < q->masks && q->kind != PROBE_NEXT; k++)
            for (int32_t w = 0; w < words; w++)
                probe_add_score(p, (score){.question = i, .mask = k, .word = {word[w], word[w]}});
        q->scores = p->scores - q->score;
    }
}

/* ------------------------------------------------------------------------------- pairs lines -- */

typedef struct slot {
    const char *word; /* NULL: {?}, which has no word    */
    int32_t mask;     /* its first [MASK] in the version */
} slot;

/* The slots of one version of a line. */
typedef struct slots {
    slot *slot; /* [count] */
    int32_t count, masks;
    size_t capacity;
} slots;

/* Takes the content of a slot; returns how many [MASK] it becomes. */
static int32_t take_slot(const char *content, size_t length, slots *s)
{
    while (length > 0 && strchr(" \t\n\v\f\r", *content)) content++, length--;
    while (length > 0 && strchr(" \t\n\v\f\r", content[length - 1])) length--;
    bool blank = content[0] == '?';
    int32_t masks = blank && length > 1 ? content[1] - '0' : 1;
    s->slot = probe_grow(s->slot, (size_t)s->count + 1, &s->capacity, sizeof *s->slot);
    s->slot[s->count++] = (slot){blank ? NULL : probe_copy(content, length), s->masks};
    s->masks += masks;
    return masks;
}

/* "He is a {nurse}." -> "He is a [MASK]."; eqb_pairs_load has checked the braces. */
static const char *take_slots(const char *raw, slots *s)
{
    size_t length = strlen(raw), braces = 0, size = 0, opened = 0;
    for (size_t i = 0; i < length; i++) braces += raw[i] == '{';
    char *text = probe_alloc(length + braces * MOST_BLANKS * MASK_BYTES + 1, 1);
    for (size_t i = 0; i < length; i++) {
        bool escaped = is_escape(raw, i, "{}");
        i += escaped;
        if (raw[i] == '{' && !escaped) {
            opened = size;
        } else if (raw[i] == '}' && !escaped) {
            char *content = probe_copy(text + opened, size - opened);
            int32_t masks = take_slot(content, size - opened, s);
            for (size = opened; masks > 0; masks--, size += MASK_BYTES)
                memcpy(text + size, MASK, MASK_BYTES);
        } else {
            text[size++] = raw[i];
        }
    }
    text[size] = '\0';
    return text;
}

static void ask_line(probe *p, const eqb_pair_line *line)
{
    bool fact = strcmp(line->kind, "fact") == 0;
    const char *const raw[VERSIONS][2] = {{line->male, line->next_male},
                                          {line->female, line->next_female}};
    question q = {.kind = fact ? PROBE_FACT : PROBE_PAIR,
                  .line = line->line,
                  .versions = VERSIONS,
                  .score = p->scores};
    slots side[VERSIONS] = {{0}};
    for (int v = 0; v < VERSIONS; v++) {
        q.first[v] = take_slots(raw[v][0], &side[v]);
        if (raw[v][1]) q.second[v] = take_slots(raw[v][1], &side[v]);
    }
    q.masks = side[MALE].masks;
    /* Slots go by order: a slot of one version and the same of the other. */
    for (int32_t k = 0; k < side[MALE].count; k++) {
        const slot *male = &side[MALE].slot[k], *female = &side[FEMALE].slot[k];
        if (male->word)
            probe_add_score(p, (score){.question = p->questions,
                                 .mask = male->mask,
                                 .word = {male->word, female->word}});
        else
            p->blank_slots++;
    }
    q.scores = p->scores - q.score;
    p->unmarked_lines += side[MALE].count == 0;
    if (q.scores > 0) add_question(p, q);
}

void probe_ask_pairs(probe *p, const eqb_pairs *pairs)
{
    for (int64_t i = 0; i < eqb_pairs_count(pairs); i++) {
        eqb_pair_line line = eqb_pairs_line(pairs, i);
        if (strcmp(line.kind, "keep") == 0)
            p->keep_lines++;
        else
            ask_line(p, &line);
    }
}
