/* Fields of one line -> an example. Everything that stays is allocated from the memory of the
 * pairs; a line that turns out to be bad is rewound. */
#include "trainer/pairs_read.h"

#include <string.h>

static char *copy_text(eqbi_reader *r, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = eqbi_arena_alloc(&r->pairs->memory, size, 1);
    if (copy) memcpy(copy, text, size);
    return copy;
}

static eqb_status read_segments(eqbi_reader *r, eqbi_line *line, eqb_error *err)
{
    const eqbi_fields *f = line->fields;
    bool shared = f->next_male == f->next_female; /* one "next" for both */
    bool keep = f->kind == EQBI_KEEP;
    EQBI_TRY(
        eqbi_read_segment(r, keep ? "text" : "male", f->male, &line->segment[0][0], err));
    if (!keep) EQBI_TRY(eqbi_read_segment(r, "female", f->female, &line->segment[1][0], err));
    if (!f->next_male) return EQB_OK;
    EQBI_TRY(eqbi_read_segment(r, shared ? "next" : "next_male", f->next_male,
                               &line->segment[0][1], err));
    line->segment[1][1] = line->segment[0][1];
    if (shared) return EQB_OK;
    return eqbi_read_segment(r, "next_female", f->next_female, &line->segment[1][1], err);
}

/* The marked slots of one version, first segment first. */
static eqb_status fill_slots(eqbi_reader *r, const eqbi_line *line, int side, eqbi_side *out,
                             eqb_error *err)
{
    const eqbi_segment *s = line->segment[side];
    out->slot = eqbi_arena_alloc(&r->pairs->memory, (size_t)s[0].slots + (size_t)s[1].slots,
                                 sizeof *out->slot);
    if (!out->slot) return eqbi_no_memory(r, err);
    eqbi_slot *slot = out->slot;
    for (int32_t i = 0; i < 2; i++)
        for (int32_t k = 0; k < s[i].slots; k++)
            *slot++ = (eqbi_slot){.segment = i,
                                  .begin = s[i].slot[k].token,
                                  .count = s[i].slot[k].tokens,
                                  .labelled = line->fields->label && s[i].slot[k].blank == 0};
    return EQB_OK;
}

/* --------------------------------------------------------------------------- equated columns -- */

/* Adds a pair of columns to be exchanged. Words that share pieces can ask for two partners of one
 * column; the first stays, so that the exchange can be undone by itself. */
static void add_equated(eqbi_example *out, int32_t male, int32_t female)
{
    if (male == female) return;
    for (int32_t i = 0; i < 2 * out->equated; i++)
        if (out->equate[i] == male || out->equate[i] == female) return;
    out->equate[2 * out->equated] = male;
    out->equate[2 * out->equated + 1] = female;
    out->equated++;
}

/* The tokens of a word of "equate", in scratch memory; *count is 0 after a fault. */
static eqb_status equated_word(eqbi_reader *r, const char *word, int32_t **ids, int32_t *count,
                               eqb_error *err)
{
    const eqb_encoding *e = &r->encoding;
    EQBI_TRY(eqb_tokenize(r->tokenizer, word, strlen(word), &r->encoding, err));
    *ids = eqbi_arena_alloc(&r->scratch, (size_t)e->count, sizeof **ids);
    if (!*ids) return eqbi_no_memory(r, err);
    bool known = e->count > 0;
    for (int32_t i = 0; i < e->count; i++) {
        (*ids)[i] = e->ids[i];
        known = known && e->ids[i] != r->pairs->special.unk;
    }
    *count = known ? e->count : 0;
    if (!known)
        eqbi_fault(r, "\"equate\": \"%s\" is not in the vocabulary ([UNK])",
                   eqbi_show(word, strlen(word)).text);
    return EQB_OK;
}

/* Columns of the slots' words as they stand in the sentence (capitals), then of the listed
 * words. */
static eqb_status fill_equate(eqbi_reader *r, const eqbi_line *line, eqbi_example *out,
                              eqb_error *err)
{
    const eqbi_fields *f = line->fields;
    if (f->equated == 0) return EQB_OK;
    size_t most = 0;
    for (int32_t i = 0; i < f->equated; i++) most += strlen(f->equate[i].male);
    for (int32_t k = 0; k < out->slots; k++) most += (size_t)out->male.slot[k].count;
    out->equate = eqbi_arena_alloc(&r->pairs->memory, most, 2 * sizeof *out->equate);
    if (!out->equate) return eqbi_no_memory(r, err);
    for (int32_t k = 0; out->marked && k < out->slots; k++) {
        const eqbi_slot *a = &out->male.slot[k], *b = &out->female.slot[k];
        for (int32_t i = 0; i < a->count && i < b->count; i++)
            add_equated(out, out->male.ids[a->segment][a->begin + i],
                        out->female.ids[b->segment][b->begin + i]);
    }
    for (int32_t i = 0; i < f->equated; i++) {
        int32_t *a, *b, n, m;
        EQBI_TRY(equated_word(r, f->equate[i].male, &a, &n, err));
        EQBI_TRY(equated_word(r, f->equate[i].female, &b, &m, err));
        for (int32_t k = 0; k < n && k < m; k++) add_equated(out, a[k], b[k]);
    }
    return EQB_OK;
}

/* ----------------------------------------------------------------------------- hold-out words
 * -- */

/* The folded text of candidate k of the male version. */
static char *candidate_text(eqbi_reader *r, const eqbi_line *line, const eqbi_slot *slot)
{
    const eqbi_segment *s = &line->segment[0][slot->segment];
    size_t begin = s->spans[slot->begin].begin;
    size_t length = s->spans[slot->begin + slot->count - 1].end - begin;
    char *folded = eqbi_arena_alloc(&r->scratch, EQBI_FOLDED(length), 1);
    if (folded) eqbi_fold(s->text + begin, length, folded);
    return folded;
}

/* A line is held out by the male words of its slots; an unmarked one by its professions. */
static eqb_status fill_words(eqbi_reader *r, const eqbi_line *line, eqbi_example *out,
                             eqb_error *err)
{
    if (out->kind == EQBI_KEEP) return EQB_OK;
    int32_t slots = out->marked ? out->slots : out->professions;
    out->word = eqbi_arena_alloc(&r->pairs->memory, (size_t)slots, sizeof *out->word);
    if (!out->word) return eqbi_no_memory(r, err);
    for (int32_t k = 0; k < slots; k++) {
        const eqbi_slot *slot = &out->male.slot[k];
        if (out->male.ids[slot->segment][slot->begin] == r->pairs->special.mask) continue;
        char *text = candidate_text(r, line, slot);
        int32_t word = text ? eqbi_names_add(&r->words[out->kind], text, r->line) : -1;
        if (word < 0) return eqbi_no_memory(r, err);
        out->word[out->words++] = word;
        if (!out->text.profession && !(out->text.profession = copy_text(r, text)))
            return eqbi_no_memory(r, err);
    }
    return EQB_OK;
}

/* ----------------------------------------------------------------------------------- example -- */

static eqb_status fill_text(eqbi_reader *r, const eqbi_fields *f, eqbi_example *out,
                            eqb_error *err)
{
    static const char *const kinds[] = {"pair", "fact", "keep"};
    eqb_pair_line *t = &out->text;
    t->line = r->line;
    t->kind = kinds[f->kind];
    t->is_next = f->is_next;
    if (!(t->male = t->female = copy_text(r, f->male))) return eqbi_no_memory(r, err);
    if (f->kind != EQBI_KEEP && !(t->female = copy_text(r, f->female)))
        return eqbi_no_memory(r, err);
    if (!f->next_male) return EQB_OK;
    if (!(t->next_male = t->next_female = copy_text(r, f->next_male)))
        return eqbi_no_memory(r, err);
    if (f->next_female != f->next_male && !(t->next_female = copy_text(r, f->next_female)))
        return eqbi_no_memory(r, err);
    return EQB_OK;
}

static eqb_status build(eqbi_reader *r, const eqbi_line *line, eqbi_example *out, eqb_error *err)
{
    const eqbi_fields *f = line->fields;
    const eqbi_segment(*s)[2] = line->segment;
    *out = (eqbi_example){.kind = f->kind,
                          .slots = s[0][0].slots + s[0][1].slots,
                          .is_next = f->is_next,
                          .weight = (float)f->weight,
                          .split_given = f->split >= 0,
                          .test = f->split == 1};
    out->marked = out->slots > 0;
    eqbi_side *side[2] = {&out->male, &out->female};
    for (int v = 0; v < (f->kind == EQBI_KEEP ? 1 : 2); v++) {
        for (int i = 0; i < 2; i++) {
            side[v]->ids[i] = s[v][i].ids;
            side[v]->count[i] = s[v][i].count;
        }
        if (out->marked) EQBI_TRY(fill_slots(r, line, v, side[v], err));
    }
    if (!out->marked) EQBI_TRY(eqbi_find_candidates(r, line, out, err));
    out->language = eqbi_names_add(&r->languages, f->lang ? f->lang : "", r->line);
    if (out->language < 0) return eqbi_no_memory(r, err);
    EQBI_TRY(fill_equate(r, line, out, err));
    if (r->bad) return EQB_OK;
    EQBI_TRY(eqbi_find_gender(r, line, out, err));
    EQBI_TRY(fill_words(r, line, out, err));
    return fill_text(r, f, out, err);
}

eqb_status eqbi_read_line(eqbi_reader *r, const eqbi_fields *fields, eqb_error *err)
{
    eqb_pairs *p = r->pairs;
    eqbi_line line = {.fields = fields};
    if (!eqbi_grow(p->allocator, (void **)&p->example, &p->capacity, (size_t)p->count + 1,
                   sizeof *p->example))
        return eqbi_no_memory(r, err);
    eqbi_mark mark = eqbi_arena_mark(&p->memory);
    EQBI_TRY(read_segments(r, &line, err));
    if (!r->bad) eqbi_check_rules(r, &line);
    if (!r->bad) EQBI_TRY(build(r, &line, &p->example[p->count], err));
    if (r->bad)
        eqbi_arena_rewind(&p->memory, mark);
    else
        p->count++;
    return EQB_OK;
}
