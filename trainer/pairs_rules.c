/* The rules that hold between the two versions of a line: they must differ in gender and in nothing
 * that a slot could give away or make wrong. */
#include "trainer/pairs_read.h"

#include <string.h>

bool eqbi_equated(const eqbi_fields *fields, const char *male, const char *female)
{
    for (int32_t i = 0; i < fields->equated; i++)
        if (!strcmp(fields->equate[i].folded[0], male) &&
            !strcmp(fields->equate[i].folded[1], female))
            return true;
    return false;
}

/* Same number of slots in each segment. */
static bool check_counts(eqbi_reader *r, const eqbi_line *line)
{
    for (int i = 0; i < 2; i++) {
        const eqbi_segment *male = &line->segment[0][i], *female = &line->segment[1][i];
        if (!male->name || male->slots == female->slots) continue;
        eqbi_fault(r, "different numbers of slots: %d in \"%s\", %d in \"%s\"", male->slots,
                   male->name, female->slots, female->name);
        return false;
    }
    return true;
}

static void describe(const eqbi_segment *s, const eqbi_mark_up *slot, char out[64])
{
    eqbi_shown shown = eqbi_show(s->text + slot->begin, slot->end - slot->begin);
    if (slot->blank == 1) memcpy(shown.text, "?", 2);
    if (slot->blank > 1) memcpy(shown.text, (char[]){'?', (char)('0' + slot->blank), '\0'}, 3);
    memcpy(out, shown.text, sizeof shown.text);
}

/* Slot k of one version and slot k of the other. */
static void check_words(eqbi_reader *r, const eqbi_line *line, int segment, int32_t k)
{
    const eqbi_segment *s[2] = {&line->segment[0][segment], &line->segment[1][segment]};
    const eqbi_mark_up *male = &s[0]->slot[k], *female = &s[1]->slot[k];
    const eqbi_fields *f = line->fields;
    char shown[2][64];
    describe(s[0], male, shown[0]);
    describe(s[1], female, shown[1]);
    if (f->kind == EQBI_FACT && (male->blank || female->blank)) {
        eqbi_fault(r, "slot {%s}: a line of kind \"fact\" needs a word to learn",
                   shown[male->blank ? 0 : 1]);
    } else if (male->blank != female->blank) {
        eqbi_fault(r, "slot %d is {%s} in \"%s\" and {%s} in \"%s\"", k + 1, shown[0], s[0]->name,
                   shown[1], s[1]->name);
    } else if (male->blank || f->kind == EQBI_FACT) {
        return;
    } else if (strcmp(male->folded, female->folded) != 0) {
        if (eqbi_equated(f, male->folded, female->folded)) return;
        bool reversed = eqbi_equated(f, female->folded, male->folded);
        eqbi_fault(r, "slot %d is {%s} in \"%s\" and {%s} in \"%s\": %s", k + 1, shown[0],
                   s[0]->name, shown[1], s[1]->name,
                   reversed ? "\"equate\" names them in the other order, the male word goes first"
                            : "list them in \"equate\" if they count as one word");
    } else if (eqbi_is_gendered(eqbi_language_of(f->lang), male->folded)) {
        eqbi_fault(r, "slot {%s} in \"%s\" is gendered by definition: %s", shown[0], s[0]->name,
                   eqbi_language_of(f->lang) == EQBI_FRENCH
                       ? "give both forms and list them in \"equate\""
                       : "it can stand in a line of kind \"fact\"");
    }
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* "a {astronaut}" would tell the model the first sound of a word it should not know. */
static void check_article(eqbi_reader *r, const eqbi_segment *s, const eqbi_mark_up *slot)
{
    const char *text = s->text;
    size_t end = slot->begin;
    while (end > 0 && text[end - 1] == ' ') end--;
    size_t begin = end;
    while (begin > 0 && is_letter(text[begin - 1])) begin--;
    size_t length = end - begin;
    bool an = length == 2 && (text[begin + 1] | 0x20) == 'n';
    if (end == slot->begin || (length != 1 && !an) || (text[begin] | 0x20) != 'a') return;
    /* What is written together with another word is no article: "vitamin-a", or behind a letter
     * beyond ASCII. */
    if (begin > 0 && (text[begin - 1] == '-' || (text[begin - 1] & 0x80))) return;
    size_t word = slot->end - slot->begin;
    if (!eqbi_article_fits(an, text + slot->begin, word))
        eqbi_fault(r, "\"%s\": \"%s {%s}\" should be \"%s {%s}\"", s->name, an ? "an" : "a",
                   eqbi_show(text + slot->begin, word).text, an ? "a" : "an",
                   eqbi_show(text + slot->begin, word).text);
}

/* Tokens with [CLS] and [SEP]. A sum beyond 2^31 cannot be: a line has at most 1 MiB. */
static void check_length(eqbi_reader *r, const eqbi_segment segment[2])
{
    bool pair = segment[1].name != NULL;
    int32_t tokens = segment[0].count + 2 + (pair ? segment[1].count + 1 : 0);
    if (tokens > r->pairs->max_tokens)
        eqbi_fault(r, "too long for the model: %d tokens in \"%s\"%s%s%s, at most %d", tokens,
                   segment[0].name, pair ? " and \"" : "", pair ? segment[1].name : "",
                   pair ? "\"" : "", r->pairs->max_tokens);
}

static bool same_tokens(const eqbi_line *line)
{
    for (int i = 0; i < 2; i++) {
        const eqbi_segment *a = &line->segment[0][i], *b = &line->segment[1][i];
        if (a->count != b->count) return false;
        if (a->count > 0 && memcmp(a->ids, b->ids, (size_t)a->count * sizeof *a->ids) != 0)
            return false;
    }
    return true;
}

void eqbi_check_rules(eqbi_reader *r, const eqbi_line *line)
{
    const eqbi_fields *f = line->fields;
    check_length(r, line->segment[0]);
    if (f->kind == EQBI_KEEP) {
        for (int i = 0; i < 2; i++)
            if (line->segment[0][i].slots > 0)
                eqbi_fault(r, "\"%s\" has slots: a line of kind \"keep\" has none (\\{ is a brace)",
                           line->segment[0][i].name);
        return;
    }
    check_length(r, line->segment[1]);
    if (r->bad) return; /* the rest would take long, too */
    if (same_tokens(line)) eqbi_fault(r, "\"male\" and \"female\" are the same to the model");
    if (!check_counts(r, line)) return;
    bool english = eqbi_language_of(f->lang) == EQBI_ENGLISH;
    for (int i = 0; i < 2; i++) {
        bool shared = line->segment[0][i].text == line->segment[1][i].text;
        for (int32_t k = 0; k < line->segment[0][i].slots; k++) check_words(r, line, i, k);
        for (int side = 0; english && side < (shared ? 1 : 2); side++)
            for (int32_t k = 0; k < line->segment[side][i].slots; k++)
                if (!line->segment[side][i].slot[k].blank)
                    check_article(r, &line->segment[side][i], &line->segment[side][i].slot[k]);
    }
}
