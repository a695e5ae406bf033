/* Rows of the tables -> sentences; see bias.h. {s} {o} {p} stand for the forms of a word of gender,
 * {w} for the profession, {a} for its article, [MASK] for itself. A sentence that is longer than
 * its room is cut; the tables have none.                                                          */
#include "programs/bias.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char MASK[] = "[MASK]";
enum { MASK_BYTES = sizeof MASK - 1 };

typedef struct writer {
    char *out;
    size_t used;
} writer;

static void put(writer *w, const char *text, size_t length)
{
    size_t room = TEXT_ROOM - 1 - w->used;
    if (length > room) length = room;
    memcpy(w->out + w->used, text, length);
    w->used += length;
    w->out[w->used] = '\0';
}

static void put_masks(writer *w, int32_t masks)
{
    for (; masks > 0; masks--) {
        put(w, MASK, MASK_BYTES);
        if (masks > 1) put(w, " ", 1);
    }
}

/* The letter of the first of {s} {o} {p} in a template. */
static char form_letter(const char *template)
{
    const char *at = template;
    while ((at = strchr(at, '{')) != NULL && !strchr("sop", at[1])) at++;
    return at ? at[1] : 's';
}

const char *bias_form(char buffer[TEXT_ROOM], const char *template, const gender *g, int v)
{
    char letter = form_letter(template);
    if (letter == 'o' && g->object[v]) return g->object[v];
    if (letter == 'p' && g->possessive[v]) return g->possessive[v];
    if (letter != 'p') return g->subject[v];
    snprintf(buffer, TEXT_ROOM, "%s's", g->subject[v]);
    return buffer;
}

void bias_forward_text(char out[TEXT_ROOM], const char *template, const gender *g, int v,
                       int32_t masks)
{
    char buffer[TEXT_ROOM];
    const char *form = bias_form(buffer, template, g, v);
    writer w = {out, 0};
    for (const char *at = template; *at;) {
        if (*at == '{') {
            put(&w, form, strlen(form));
            at += 3;
        } else if (strncmp(at, MASK, MASK_BYTES) == 0) {
            put_masks(&w, masks);
            at += MASK_BYTES;
        } else {
            put(&w, at++, 1);
        }
    }
    out[0] = (char)toupper((unsigned char)out[0]);
}

bool bias_takes_an(const char *profession)
{
    return strchr("aeiou", profession[0]) != NULL;
}

int32_t bias_reverse_text(char out[TEXT_ROOM], const char *text, const char *profession, bool an,
                          int32_t masks)
{
    writer w = {out, 0};
    for (const char *at = text; *at;) {
        if (strncmp(at, "{a}", 3) == 0) {
            put(&w, "an", an ? 2 : 1);
            at += 3;
        } else if (strncmp(at, "{w}", 3) == 0) {
            if (profession)
                put(&w, profession, strlen(profession));
            else
                put_masks(&w, masks);
            at += 3;
        } else {
            put(&w, at++, 1);
        }
    }
    return !profession && strstr(text, "{w}") < strstr(text, MASK) ? masks : 0;
}

void bias_version(char out[TEXT_ROOM], const char *text, int v)
{
    writer w = {out, 0};
    for (const char *at = text; *at;) {
        if (*at != '{') {
            put(&w, at++, 1);
            continue;
        }
        size_t male = strcspn(at + 1, "|"), female = strcspn(at + 1 + male + 1, "}");
        put(&w, v == MALE ? at + 1 : at + 1 + male + 1, v == MALE ? male : female);
        at += male + female + 3;
    }
}

void bias_fact_text(char out[TEXT_ROOM], const char *text, int32_t masks)
{
    const char *at = strstr(text, MASK);
    writer w = {out, 0};
    put(&w, text, (size_t)(at - text));
    put_masks(&w, masks);
    put(&w, at + MASK_BYTES, strlen(at + MASK_BYTES));
}
