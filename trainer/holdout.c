/* Which lines are held out for evaluation: by word, so that no word of a slot stands on both sides.
 *
 * Words that stand in one line must be on the same side: lines join their words to groups
 * (union-find) and a group is held out as a whole. Lines with a "split" of their own decide the
 * side of their groups; a line that would join a train group to a test group is a fault. Of the
 * other groups, the share is filled up in an order that depends on the seed and on the words alone,
 * not on the file's order: adding lines moves few words. Lines without such words stay in the train
 * split, keep lines are held out by their text. */
#include "autograd/random.h"
#include "trainer/pairs_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN, TEST, UNDECIDED };
/* Streams of random numbers; the words of facts are drawn apart from those of pairs. */
enum { STREAM_WORDS = 0x686f6c64, STREAM_KEEP = STREAM_WORDS + 2 };

typedef struct group {
    uint64_t key;    /* its place in the order of drawing       */
    int64_t line;    /* that decided its side                   */
    int32_t root, words;
    int side;
} group;

typedef struct partition {
    eqbi_reader *r;
    eqbi_kind kind;
    int32_t words;
    int32_t *parent; /* [words] */
    group *group;    /* [words], valid at roots; used words only count */
    bool *used;      /* [words] stands in a line that stays */
} partition;

static const char *text_of(const partition *p, int32_t word)
{
    return eqbi_names_text(&p->r->words[p->kind], word);
}

static int32_t root_of(const partition *p, int32_t word)
{
    while (p->parent[word] != word) word = p->parent[word] = p->parent[p->parent[word]];
    return word;
}

static eqb_status open_partition(partition *p, eqb_error *err)
{
    eqbi_reader *r = p->r;
    const eqbi_names *names = &r->words[p->kind];
    eqbi_arena_reset(&r->scratch);
    p->words = (int32_t)names->count;
    p->parent = eqbi_arena_alloc(&r->scratch, names->count, sizeof *p->parent);
    p->group = eqbi_arena_alloc(&r->scratch, names->count, sizeof *p->group);
    p->used = eqbi_arena_alloc(&r->scratch, names->count, sizeof *p->used);
    if (!p->parent || !p->group || !p->used) return eqbi_no_memory(r, err);
    for (int32_t i = 0; i < p->words; i++) {
        uint64_t key = eqbi_random(r->options->seed, STREAM_WORDS + (uint64_t)p->kind,
                                   names->name[i].hash);
        p->parent[i] = i;
        p->group[i] = (group){.key = key, .root = i, .side = UNDECIDED};
        p->used[i] = false;
    }
    return EQB_OK;
}

/* The side that the line's own split and the groups of its words ask for. False, and a fault: they
 * contradict each other. */
static bool agree(const partition *p, const eqbi_example *e, int *side, int64_t *line)
{
    static const char *const names[] = {"train", "test"};
    int32_t decisive = -1;
    *side = e->split_given ? (e->test ? TEST : TRAIN) : UNDECIDED;
    *line = e->text.line;
    for (int32_t i = 0; i < e->words; i++) {
        const group *g = &p->group[root_of(p, e->word[i])];
        if (g->side == UNDECIDED || g->side == *side) continue;
        const char *word = text_of(p, e->word[i]);
        eqbi_shown shown = eqbi_show(word, strlen(word));
        if (*side == UNDECIDED) {
            *side = g->side;
            *line = g->line;
            decisive = e->word[i];
            continue;
        }
        p->r->line = e->text.line;
        if (decisive < 0) {
            eqbi_fault(p->r, "\"%s\" is in both splits: %s by line %lld, %s here", shown.text,
                       names[g->side], (long long)g->line, names[*side]);
        } else {
            const char *other = text_of(p, decisive);
            eqbi_fault(p->r,
                       "one line cannot be in both splits: \"%s\" is in %s by line %lld, \"%s\" in "
                       "%s by line %lld",
                       shown.text, names[g->side], (long long)g->line,
                       eqbi_show(other, strlen(other)).text, names[*side], (long long)*line);
        }
        return false;
    }
    return true;
}

/* Makes one group of the words of a line. */
static void join(partition *p, const eqbi_example *e, int side, int64_t line)
{
    for (int32_t i = 0; i < e->words; i++) {
        int32_t to = root_of(p, e->word[0]), from = root_of(p, e->word[i]);
        p->group[to].words += !p->used[e->word[i]];
        p->used[e->word[i]] = true;
        if (from == to) continue;
        p->parent[from] = to;
        p->group[to].words += p->group[from].words;
        if (p->group[from].key < p->group[to].key) p->group[to].key = p->group[from].key;
    }
    if (e->words > 0 && side != UNDECIDED) {
        group *g = &p->group[root_of(p, e->word[0])];
        if (g->side == UNDECIDED) g->line = line;
        g->side = side;
    }
}

/* Joins the lines with (without) a split of their own and drops those with a fault. */
static void join_lines(partition *p, bool split_given)
{
    eqb_pairs *pairs = p->r->pairs;
    int64_t kept = 0;
    for (int64_t i = 0; i < pairs->count; i++) {
        const eqbi_example *e = &pairs->example[i];
        int side;
        int64_t line;
        if (e->kind == p->kind && e->split_given == split_given) {
            if (!agree(p, e, &side, &line)) {
                pairs->summary.faults++;
                continue;
            }
            join(p, e, side, line);
        }
        pairs->example[kept++] = *e;
    }
    pairs->count = kept;
}

static int by_key(const void *a, const void *b)
{
    const group *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* Decides the undecided groups: test up to the share, the rest train. */
static eqb_status draw(partition *p, eqb_error *err)
{
    eqbi_reader *r = p->r;
    int32_t groups = 0, words = 0, held = 0;
    group *order = eqbi_arena_alloc(&r->scratch, (size_t)p->words, sizeof *order);
    if (!order) return eqbi_no_memory(r, err);
    for (int32_t i = 0; i < p->words; i++) {
        const group *g = &p->group[i];
        if (p->parent[i] != i || g->words == 0) continue;
        words += g->words;
        if (g->side == TEST) held += g->words;
        if (g->side == UNDECIDED) order[groups++] = *g;
    }
    /* Two words are enough to hold one out; all of them would leave nothing to learn. */
    double wanted = round(r->options->holdout * words);
    if (r->options->holdout > 0.0 && wanted < 1.0) wanted = 1.0;
    if (wanted > words - 1) wanted = words - 1;
    if (groups > 0) qsort(order, (size_t)groups, sizeof *order, by_key);
    for (int32_t i = 0; i < groups; i++) {
        bool fits = held + order[i].words <= wanted;
        if (fits) held += order[i].words;
        p->group[order[i].root].side = fits ? TEST : TRAIN;
    }
    if (p->kind == EQBI_PAIR) {
        r->pairs->summary.professions = words;
        r->pairs->summary.held_out = held;
    }
    return EQB_OK;
}

eqb_status eqbi_hold_out(eqbi_reader *r, eqb_error *err)
{
    eqb_pairs *pairs = r->pairs;
    for (eqbi_kind kind = EQBI_PAIR; kind <= EQBI_FACT; kind++) {
        partition p = {.r = r, .kind = kind};
        EQBI_TRY(open_partition(&p, err));
        join_lines(&p, true);
        join_lines(&p, false);
        EQBI_TRY(draw(&p, err));
        for (int64_t i = 0; i < pairs->count; i++) {
            eqbi_example *e = &pairs->example[i];
            if (e->kind == kind && e->words > 0)
                e->test = p.group[root_of(&p, e->word[0])].side == TEST;
        }
    }
    for (int64_t i = 0; i < pairs->count; i++) {
        eqbi_example *e = &pairs->example[i];
        if (e->kind == EQBI_KEEP && !e->split_given) {
            uint64_t hash = eqbi_fnv1a(e->text.male, strlen(e->text.male));
            e->test = eqbi_random_real(r->options->seed, STREAM_KEEP, hash) < r->options->holdout;
        }
    }
    return EQB_OK;
}
