/* Writing JSON; see json_write.h. */
#include "weights/json_write.h"
#include "weights/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void eqbi_text_put(eqbi_text *text, const void *bytes, size_t size)
{
    size_t need;
    if (!eqbi_add(text->size, size, &need) ||
        !eqbi_grow(text->allocator, (void **)&text->data, &text->capacity, need, 1))
        text->failed = true;
    if (text->failed || size == 0) return;
    memcpy(text->data + text->size, bytes, size);
    text->size = need;
}

void eqbi_text_print(eqbi_text *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line)
        text->failed = true;
    else
        eqbi_text_put(text, line, (size_t)n);
}

void eqbi_text_json_string(eqbi_text *text, const char *string, size_t length)
{
    static const char letters[128] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
                                      ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\'};
    const char *end = string + length, *plain = string; /* plain: what is not yet written */
    eqbi_text_put(text, "\"", 1);
    for (const char *p = string; p < end;) {
        size_t size = eqbi_utf8_size(p, end);
        bool escape = size == 1 && ((unsigned char)*p < 0x20 || letters[(unsigned char)*p]);
        if (size > 0 && !escape) {
            p += size;
            continue;
        }
        eqbi_text_put(text, plain, (size_t)(p - plain));
        if (size == 0)
            eqbi_text_put(text, "\xef\xbf\xbd", 3);
        else if (letters[(unsigned char)*p])
            eqbi_text_put(text, (const char[]){'\\', letters[(unsigned char)*p]}, 2);
        else
            eqbi_text_print(text, "\\u%04x", (unsigned)*p);
        plain = ++p;
    }
    eqbi_text_put(text, plain, (size_t)(end - plain));
    eqbi_text_put(text, "\"", 1);
}

void eqbi_text_json_float(eqbi_text *text, float x)
{
    char shown[64];
    for (int precision = 1; precision <= 9; precision++) { /* 9 digits tell all floats apart */
        snprintf(shown, sizeof shown, "%.*g", precision, (double)x);
        if (strtof(shown, NULL) == x) break;
    }
    /* Whatever the locale puts between the digits (a comma, several bytes) becomes one point. */
    bool point = false;
    for (const char *c = shown; *c; c++) {
        bool known = (*c >= '0' && *c <= '9') || *c == '-' || *c == '+' || *c == 'e';
        if (known)
            eqbi_text_put(text, c, 1);
        else if (!point)
            eqbi_text_put(text, ".", 1);
        point = !known;
    }
}

void eqbi_text_free(eqbi_text *text)
{
    eqbi_free(text->allocator, text->data, text->capacity, 1);
    *text = (eqbi_text){.allocator = text->allocator};
}
