/* Records for other programs; see cli_record.h. */
#include "programs/cli_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The length of the well-formed UTF-8 character at s, or 0. */
static size_t character(const unsigned char *s)
{
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint32_t c = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    bool shortest = c >= (length == 2 ? 0x80u : length == 3 ? 0x800u : 0x10000u);
    return shortest && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? length : 0;
}

void cli_json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t length = character(s);
        if (length == 0)
            fputs("\xef\xbf\xbd", stdout); /* U+FFFD */
        else if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if (*s < 0x20)
            printf("\\u%04x", *s);
        else
            fwrite(s, 1, length, stdout);
        s += length > 0 ? length : 1;
    }
    putchar('"');
}

/* Whether the field's value is to be written: its name or what stands before it is out already. */
static bool begin(cli_record *r, const char *name)
{
    bool first = !r->begun;
    r->begun = true;
    if (r->notation == CLI_JSON)
        printf("%s\"%s\": ", first ? "{" : ", ", name);
    else
        printf("%s%s", first ? "" : ",", r->notation == CLI_CSV_NAMES ? name : "");
    return r->notation != CLI_CSV_NAMES;
}

static void csv_bytes(const char *text)
{
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
}

static bool needs_quotes(const char *text)
{
    return strpbrk(text, ",\"\r\n") != NULL;
}

void cli_put_texts(cli_record *r, const char *name, const char *const *text, int32_t count)
{
    if (!begin(r, name)) return;
    bool json = r->notation == CLI_JSON, quotes = false;
    for (int32_t i = 0; i < count; i++) quotes = quotes || needs_quotes(text[i]);
    fputs(json ? "[" : quotes ? "\"" : "", stdout);
    for (int32_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : json ? ", " : " ", stdout);
        (json ? cli_json_string : csv_bytes)(text[i]);
    }
    fputs(json ? "]" : quotes ? "\"" : "", stdout);
}

void cli_put_text(cli_record *r, const char *name, const char *text)
{
    if (r->notation != CLI_JSON) {
        cli_put_texts(r, name, &text, text ? 1 : 0);
        return;
    }
    begin(r, name);
    if (text)
        cli_json_string(text);
    else
        fputs("null", stdout);
}

void cli_put_number(cli_record *r, const char *name, double x)
{
    if (!begin(r, name)) return;
    if (isfinite(x))
        printf("%.9g", x);
    else if (r->notation == CLI_JSON)
        fputs("null", stdout);
}

void cli_put_numbers(cli_record *r, const char *name, const int32_t *x, int32_t count)
{
    if (!begin(r, name)) return;
    bool json = r->notation == CLI_JSON;
    fputs(json ? "[" : "", stdout);
    for (int32_t i = 0; i < count; i++) printf("%s%d", i == 0 ? "" : json ? ", " : " ", x[i]);
    fputs(json ? "]" : "", stdout);
}

void cli_end_record(cli_record *r)
{
    fputs(r->notation == CLI_JSON ? "}" : "\n", stdout);
    r->begun = false;
}
