/* One JSON object -> fields, with every fault of form named. A key that is null counts as absent,
 * as programs write it that fill a table's empty cells. */
#include "trainer/pairs_read.h"

#include <stdio.h>
#include <string.h>

/* Which kinds of line take a key. */
enum { IN_PAIR = 1 << EQBI_PAIR, IN_FACT = 1 << EQBI_FACT, IN_KEEP = 1 << EQBI_KEEP };
enum { IN_BOTH = IN_PAIR | IN_FACT, IN_ALL = IN_BOTH | IN_KEEP };

static const struct {
    const char *key;
    int kinds;
} keys[] = {
    {"male", IN_BOTH}, {"female", IN_BOTH}, {"phrase_homme", IN_BOTH},
    {"phrase_femme", IN_BOTH}, {"next", IN_ALL}, {"next_male", IN_BOTH}, {"next_female", IN_BOTH},
    {"is_next", IN_BOTH}, {"label", IN_BOTH}, {"equate", IN_PAIR}, {"text", IN_KEEP},
    {"kind", IN_ALL}, {"weight", IN_ALL}, {"split", IN_ALL}, {"id", IN_ALL}, {"tags", IN_ALL},
    {"lang", IN_ALL},
};

enum { MOST_EQUATED = 1000 };
static const char *const kind_names[] = {"pair", "fact", "keep"};

/* The object that is being read. Messages of the JSON wrapper begin with WHERE ": ". */
#define WHERE "line"
typedef struct source {
    eqbi_reader *r;
    const eqbi_json *doc;
} source;

/* Passes a failed lookup on as a fault. */
static void tell(const source *s, eqb_status status, const eqb_error *err)
{
    if (status != EQB_OK) eqbi_fault(s->r, "%s", err->message + strlen(WHERE ": "));
}

static const char *get_text(const source *s, const char *key)
{
    const char *text = NULL;
    eqb_error err;
    tell(s, eqbi_json_string(s->doc, s->doc->root, key, &text, &err), &err);
    return text;
}

static bool has(const source *s, const char *key)
{
    return eqbi_json_get(s->doc->root, key) != NULL;
}

/* The text under either name. */
static const char *get_alias(const source *s, const char *key, const char *alias)
{
    const char *text = get_text(s, key), *other = get_text(s, alias);
    if (has(s, key) && has(s, alias))
        eqbi_fault(s->r, "\"%s\" and \"%s\" are the same field: give one of them", key, alias);
    else if (!has(s, key) && !has(s, alias))
        eqbi_fault(s->r, "\"%s\" (or \"%s\") is missing", key, alias);
    return text ? text : other;
}

/* The number of the text under key among choices, or otherwise. */
static int get_choice(const source *s, const char *key, const char *const *choices, int count,
                      int otherwise, const char *expected)
{
    const char *text = get_text(s, key);
    if (!text) return otherwise;
    for (int i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0) return i;
    eqbi_fault(s->r, "\"%s\" is \"%s\", expected %s", key, eqbi_show(text, strlen(text)).text,
               expected);
    return otherwise;
}

static void check_keys(const source *s, eqbi_kind kind)
{
    const eqbi_json_value *v = eqbi_json_first(s->doc->root);
    for (; v; v = eqbi_json_next(v)) {
        const char *key = eqbi_json_key(v);
        size_t i = 0;
        while (i < sizeof keys / sizeof *keys && strcmp(key, keys[i].key) != 0) i++;
        if (i == sizeof keys / sizeof *keys)
            eqbi_fault(s->r, "unknown key \"%s\"", eqbi_show(key, strlen(key)).text);
        else if (!(keys[i].kinds & 1 << kind) && has(s, key))
            eqbi_fault(s->r, "\"%s\" has no place in a line of kind \"%s\"", key,
                       kind_names[kind]);
    }
}

static void read_next(const source *s, eqbi_fields *out)
{
    const char *next = get_text(s, "next");
    out->next_male = get_text(s, "next_male");
    out->next_female = get_text(s, "next_female");
    bool own_male = has(s, "next_male"), own_female = has(s, "next_female");
    if (has(s, "next") && (own_male || own_female))
        eqbi_fault(s->r, "\"next\" stands for both versions: leave out \"%s\"",
                   own_male ? "next_male" : "next_female");
    else if (own_male != own_female)
        eqbi_fault(s->r, "\"%s\" without \"%s\"", own_male ? "next_male" : "next_female",
                   own_male ? "next_female" : "next_male");
    if (next) out->next_male = out->next_female = next;

    bool follows = true;
    eqb_error err;
    tell(s, eqbi_json_bool(s->doc, s->doc->root, "is_next", &follows, &err), &err);
    if (has(s, "is_next") && !has(s, "next") && !own_male && !own_female)
        eqbi_fault(s->r, "\"is_next\" without \"next\"");
    out->is_next = out->next_male ? follows : -1;
}

static char *fold(eqbi_reader *r, const char *word)
{
    size_t length = strlen(word);
    char *folded = eqbi_arena_alloc(&r->scratch, EQBI_FOLDED(length), 1);
    if (folded) eqbi_fold(word, length, folded);
    return folded;
}

/* ["avocat", "avocate"]; false: it is something else. */
static bool is_word_pair(const eqbi_json_value *v, eqbi_word_pair *out)
{
    if (eqbi_json_type(v) != EQBI_JSON_ARRAY) return false;
    const eqbi_json_value *male = eqbi_json_first(v), *female = male ? eqbi_json_next(male) : NULL;
    if (!female || eqbi_json_next(female)) return false;
    out->male = eqbi_json_text(male);
    out->female = eqbi_json_text(female);
    return out->male && out->female;
}

static eqb_status read_equate(const source *s, eqbi_fields *out, eqb_error *err)
{
    static const char expected[] = "a list of pairs of words: [[\"avocat\", \"avocate\"]]";
    const eqbi_json_value *list = eqbi_json_get(s->doc->root, "equate");
    if (!list) return EQB_OK;
    if (eqbi_json_type(list) != EQBI_JSON_ARRAY) {
        eqbi_fault(s->r, "\"equate\" must be %s", expected);
        return EQB_OK;
    }
    size_t count = 0;
    const eqbi_json_value *v = eqbi_json_first(list);
    for (const eqbi_json_value *each = v; each; each = eqbi_json_next(each)) count++;
    if (count > MOST_EQUATED) {
        eqbi_fault(s->r, "\"equate\" has %zu pairs of words, at most %d", count, MOST_EQUATED);
        return EQB_OK;
    }
    out->equate = eqbi_arena_alloc(&s->r->scratch, count, sizeof *out->equate);
    if (!out->equate) return eqbi_no_memory(s->r, err);
    for (; v; v = eqbi_json_next(v)) {
        eqbi_word_pair *pair = &out->equate[out->equated];
        if (!is_word_pair(v, pair)) {
            eqbi_fault(s->r, "\"equate\" must be %s", expected);
            return EQB_OK;
        }
        if (!(pair->folded[0] = fold(s->r, pair->male)) ||
            !(pair->folded[1] = fold(s->r, pair->female)))
            return eqbi_no_memory(s->r, err);
        out->equated++;
    }
    return EQB_OK;
}

/* An id may be a string or a number; 7 and "7" are the same. */
static eqb_status read_id(const source *s, eqb_error *err)
{
    const eqbi_json_value *v = eqbi_json_get(s->doc->root, "id");
    if (!v) return EQB_OK;
    char digits[40];
    const char *id = eqbi_json_text(v);
    if (eqbi_json_type(v) == EQBI_JSON_NUMBER) {
        double number = 0.0;
        eqb_error wrong;
        tell(s, eqbi_json_double(s->doc, s->doc->root, "id", -1e300, 1e300, &number, &wrong),
             &wrong);
        snprintf(digits, sizeof digits, "%.17g", number);
        id = digits;
    }
    if (!id) {
        eqbi_fault(s->r, "\"id\" must be a string or a number");
        return EQB_OK;
    }
    int32_t known = eqbi_names_add(&s->r->ids, id, s->r->line);
    if (known < 0) return eqbi_no_memory(s->r, err);
    int64_t line = s->r->ids.name[known].line;
    if (line != s->r->line)
        eqbi_fault(s->r, "id \"%s\" is already that of line %lld", eqbi_show(id, strlen(id)).text,
                   (long long)line);
    return EQB_OK;
}

static void check_tags(const source *s)
{
    const eqbi_json_value *tags = eqbi_json_get(s->doc->root, "tags");
    if (!tags) return;
    bool good = eqbi_json_type(tags) == EQBI_JSON_ARRAY;
    for (tags = good ? eqbi_json_first(tags) : NULL; tags; tags = eqbi_json_next(tags))
        good = good && eqbi_json_type(tags) == EQBI_JSON_STRING;
    if (!good) eqbi_fault(s->r, "\"tags\" must be a list of strings");
}

eqb_status eqbi_read_fields(eqbi_reader *r, const eqbi_json *doc, eqbi_fields *out, eqb_error *err)
{
    *out = (eqbi_fields){.is_next = -1, .label = true, .weight = 1.0, .split = -1};
    static const char *const splits[] = {"train", "test"};
    source s = {r, doc};
    eqb_error wrong;
    out->kind = (eqbi_kind)get_choice(&s, "kind", kind_names, 3, EQBI_PAIR,
                                      "\"pair\", \"fact\" or \"keep\"");
    if (r->bad) return EQB_OK; /* which other keys it may have depends on the kind */
    check_keys(&s, out->kind);
    if (out->kind == EQBI_KEEP) {
        out->male = get_text(&s, "text");
        if (!has(&s, "text")) eqbi_fault(r, "\"text\" is missing");
    } else {
        out->male = get_alias(&s, "male", "phrase_homme");
        out->female = get_alias(&s, "female", "phrase_femme");
    }
    read_next(&s, out);
    tell(&s, eqbi_json_bool(doc, doc->root, "label", &out->label, &wrong), &wrong);
    if (out->kind == EQBI_FACT && !out->label)
        eqbi_fault(r, "\"label\" is false: a line of kind \"fact\" has nothing else to teach");
    tell(&s, eqbi_json_double(doc, doc->root, "weight", 1e-6, 1e6, &out->weight, &wrong), &wrong);
    out->split = get_choice(&s, "split", splits, 2, -1, "\"train\" or \"test\"");
    out->lang = get_text(&s, "lang");
    if (out->lang && !out->lang[0]) eqbi_fault(r, "\"lang\" is empty");
    check_tags(&s);
    EQBI_TRY(read_id(&s, err));
    return read_equate(&s, out, err);
}
