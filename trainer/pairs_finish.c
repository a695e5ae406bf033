/* What a batch and a report want to know of the whole file, once its examples are split. */
#include "trainer/pairs_read.h"

#include <string.h>

/* ------------------------------------------------------------------------------ continuations
 * -- */

/* Lines of one language and split lend each other false continuations: the test split's must not
 * leak into training. Control lines among themselves: their sentences are of another length. Counting
 * sort by group. */
static eqb_status group_continuations(eqbi_reader *r, eqb_error *err)
{
    eqb_pairs *p = r->pairs;
    size_t groups = 4 * r->languages.count, segments = 0;
    p->next_groups = (int32_t)groups;
    p->next_start = eqbi_arena_alloc(&p->memory, groups + 1, sizeof *p->next_start);
    if (!p->next_start) return eqbi_no_memory(r, err);
    memset(p->next_start, 0, (groups + 1) * sizeof *p->next_start);
    for (int64_t i = 0; i < p->count; i++) {
        eqbi_example *e = &p->example[i];
        e->next_group = 4 * e->language + 2 * (e->kind == EQBI_KEEP) + e->test;
        if (e->is_next < 0) continue;
        p->next_start[e->next_group + 1]++;
        segments++;
    }
    p->next_example = eqbi_arena_alloc(&p->memory, segments, sizeof *p->next_example);
    int64_t *at = eqbi_arena_alloc(&r->scratch, groups, sizeof *at);
    if (!p->next_example || !at) return eqbi_no_memory(r, err);
    for (size_t g = 0; g < groups; g++) {
        at[g] = p->next_start[g];
        p->next_start[g + 1] += p->next_start[g];
    }
    for (int64_t i = 0; i < p->count; i++)
        if (p->example[i].is_next >= 0) p->next_example[at[p->example[i].next_group]++] = i;
    return EQB_OK;
}

/* ------------------------------------------------------------------------------- support set -- */

/* The words of the lexicon that are one token. */
static eqb_status mark_lexicon(eqbi_reader *r, eqbi_language language, bool *profession,
                               eqb_error *err)
{
    const char *word;
    for (size_t i = 0; (word = eqbi_profession_word(language, i)) != NULL; i++) {
        EQBI_TRY(eqb_tokenize(r->tokenizer, word, strlen(word), &r->encoding, err));
        if (r->encoding.count == 1) profession[r->encoding.ids[0]] = true;
    }
    return EQB_OK;
}

/* The words of the file's own slots that are one token. */
static void mark_slots(const eqbi_example *e, const eqbi_side *side, bool *profession)
{
    int32_t slots = e->marked ? e->slots : e->professions;
    for (int32_t k = 0; k < slots; k++) {
        const eqbi_slot *slot = &side->slot[k];
        if (slot->count == 1) profession[side->ids[slot->segment][slot->begin]] = true;
    }
}

static eqb_status list_professions(eqbi_reader *r, eqb_error *err)
{
    eqb_pairs *p = r->pairs;
    size_t size = (size_t)p->vocab_size;
    bool *profession = eqbi_arena_alloc(&r->scratch, size, sizeof *profession);
    if (!profession) return eqbi_no_memory(r, err);
    memset(profession, 0, size * sizeof *profession);
    for (size_t i = 0; i < r->languages.count; i++) {
        const char *lang = eqbi_names_text(&r->languages, (int32_t)i);
        EQBI_TRY(mark_lexicon(r, eqbi_language_of(lang[0] ? lang : NULL), profession, err));
    }
    for (int64_t i = 0; i < p->count; i++) {
        const eqbi_example *e = &p->example[i];
        if (e->kind != EQBI_PAIR) continue;
        mark_slots(e, &e->male, profession);
        mark_slots(e, &e->female, profession);
    }
    profession[p->special.unk] = profession[p->special.mask] = false; /* {?} is no word */
    int32_t count = 0;
    for (size_t i = 0; i < size; i++) count += profession[i];
    p->profession_ids = eqbi_arena_alloc(&p->memory, (size_t)count, sizeof *p->profession_ids);
    if (!p->profession_ids) return eqbi_no_memory(r, err);
    for (size_t i = 0; i < size; i++)
        if (profession[i]) p->profession_ids[p->profession_count++] = (int32_t)i;
    return EQB_OK;
}

/* Gendered by definition in a language of the file; professions of two forms are not. */
static bool is_gendered(const eqbi_reader *r, const char *word)
{
    for (size_t i = 0; i < r->languages.count; i++) {
        const char *lang = eqbi_names_text(&r->languages, (int32_t)i);
        eqbi_language language = eqbi_language_of(lang[0] ? lang : NULL);
        if (eqbi_is_gendered(language, word) && !eqbi_is_profession(language, word)) return true;
    }
    return false;
}

static eqb_status list_neutral(eqbi_reader *r, eqb_error *err)
{
    eqb_pairs *p = r->pairs;
    p->neutral_ids = eqbi_arena_alloc(&p->memory, (size_t)p->vocab_size, sizeof *p->neutral_ids);
    p->gendered_ids = eqbi_arena_alloc(&p->memory, (size_t)p->vocab_size, sizeof *p->gendered_ids);
    if (!p->neutral_ids || !p->gendered_ids) return eqbi_no_memory(r, err);
    for (int32_t id = 0; id < p->vocab_size; id++) {
        const char *token = eqb_tokenizer_token(r->tokenizer, id);
        eqbi_mark mark = eqbi_arena_mark(&r->scratch);
        size_t length = token ? strlen(token) : 0;
        char *folded = eqbi_arena_alloc(&r->scratch, EQBI_FOLDED(length), 1);
        if (!folded) return eqbi_no_memory(r, err);
        eqbi_fold(token ? token : "", length, folded);
        if (is_gendered(r, folded))
            p->gendered_ids[id - p->neutral_count] = id;
        else
            p->neutral_ids[p->neutral_count++] = id;
        eqbi_arena_rewind(&r->scratch, mark);
    }
    return EQB_OK;
}

/* ----------------------------------------------------------------------------------- summary -- */

static void sum_up(eqb_pairs *p)
{
    eqb_pairs_summary *s = &p->summary;
    for (int64_t i = 0; i < p->count; i++) {
        const eqbi_example *e = &p->example[i];
        s->pair += e->kind == EQBI_PAIR;
        s->fact += e->kind == EQBI_FACT;
        s->keep += e->kind == EQBI_KEEP;
        s->with_next += e->is_next >= 0 && e->kind != EQBI_KEEP;
        s->train += !e->test;
        s->test += e->test;
        if (e->kind == EQBI_PAIR && e->marked) s->slots += e->slots;
    }
}

eqb_status eqbi_finish_pairs(eqbi_reader *r, eqb_error *err)
{
    eqbi_arena_reset(&r->scratch);
    EQBI_TRY(group_continuations(r, err));
    EQBI_TRY(list_professions(r, err));
    EQBI_TRY(list_neutral(r, err));
    sum_up(r->pairs);
    return EQB_OK;
}
