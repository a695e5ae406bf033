/* What of the tables a pairs file has; see bias.h. */
#include "programs/bias.h"

#include <ctype.h>
#include <string.h>

static const char MASK[] = "[MASK]";

/* The profession that these bytes are, or -1. */
static int find_profession(const char *word, size_t length)
{
    for (int p = 0; p < PROFESSIONS; p++)
        if (strlen(BIAS_PROFESSION[p]) == length && memcmp(BIAS_PROFESSION[p], word, length) == 0)
            return p;
    return -1;
}

/* Notes the professions in the slots of a pair line. A line that is in the test split has none that is
 * trained on, and the other way round.                                                            */
static void look_for_professions(seen *s, const eqb_pair_line *line)
{
    for (const char *at = line->male; (at = strchr(at, '{')) != NULL; at++) {
        int p = find_profession(at + 1, strcspn(at + 1, "}"));
        if (p >= 0) s->split[p] = line->test ? HELD_OUT : TRAINED;
    }
}

/* Whether text is slotted, letter for letter but for capitals, where each slot is a [MASK]. */
static bool is_same(const char *text, const char *slotted)
{
    while (*text && *slotted) {
        if (*slotted == '{') {
            if (strncmp(text, MASK, sizeof MASK - 1) != 0) return false;
            text += sizeof MASK - 1;
            slotted += strcspn(slotted, "}");
            slotted += *slotted == '}';
        } else if (tolower((unsigned char)*text++) != tolower((unsigned char)*slotted++)) {
            return false;
        }
    }
    return *text == *slotted;
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Whether word stands in text between two that are no letters. */
static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; *at; at++) {
        size_t same = 0;
        while (same < length &&
               tolower((unsigned char)at[same]) == tolower((unsigned char)word[same]))
            same++;
        if (same == length && !is_letter(at[length]) && (at == text || !is_letter(at[-1])))
            return true;
    }
    return false;
}

/* "my wife" -> "wife": what tells the gender. */
static const char *key_word(const char *subject)
{
    const char *space = strrchr(subject, ' ');
    return space ? space + 1 : subject;
}

static void look_at_sentence(seen *s, const char *text, int v)
{
    char made[TEXT_ROOM];
    for (int t = 0; t < TEMPLATES; t++)
        for (int g = 0; g < GENDERS && !s->template[t]; g++) {
            bias_forward_text(made, BIAS_TEMPLATE[t], &BIAS_GENDER[g], v, 1);
            s->template[t] = is_same(made, text);
        }
    for (int g = 0; g < GENDERS; g++)
        for (int w = 0; w < VERSIONS && !s->gender[g]; w++)
            s->gender[g] = has_word(text, key_word(BIAS_GENDER[g].subject[w]));
    for (int i = 0; i < NEXTS; i++) {
        bias_version(made, BIAS_NEXT[i].first, v);
        s->next[i] = s->next[i] || is_same(made, text);
    }
    for (int i = 0; i < FACTS; i++) s->fact[i] = s->fact[i] || is_same(BIAS_FACT[i].text, text);
}

static void look_at_line(seen *s, const eqb_pair_line *line)
{
    const char *const text[VERSIONS][2] = {{line->male, line->next_male},
                                           {line->female, line->next_female}};
    if (strcmp(line->kind, "pair") == 0) look_for_professions(s, line);
    for (int v = 0; v < VERSIONS; v++)
        for (int i = 0; i < 2 && text[v][i]; i++) look_at_sentence(s, text[v][i], v);
}

eqb_status bias_look(bias *b, const eqb_tokenizer *tokenizer, int32_t max_tokens, eqb_error *err)
{
    eqb_pairs_options options;
    eqb_pairs_options_default(&options);
    options.skip_bad = true; /* telling about faults is the business of ./train */
    options.holdout = b->holdout;
    options.seed = b->seed;
    eqb_pairs *pairs;
    for (int p = 0; p < PROFESSIONS; p++) b->seen.split[p] = ABSENT;
    eqb_status status = eqb_pairs_load(&pairs, b->pairs, tokenizer, max_tokens, &options, err);
    if (status != EQB_OK) return status;
    for (int64_t i = 0; i < eqb_pairs_count(pairs); i++) {
        eqb_pair_line line = eqb_pairs_line(pairs, i);
        look_at_line(&b->seen, &line);
    }
    eqb_pairs_free(pairs);
    return EQB_OK;
}
