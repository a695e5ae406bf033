/* The JSON scanner; see json_scan.h. Every read is behind a comparison with s->end: the text needs
 * no terminator and may come straight from a mapped file.                                        */
#include "weights/json_scan.h"

#include <string.h>

/* cJSON copies a number into 64 bytes before it converts it. */
enum { LONGEST_NUMBER = 63 };

void eqbi_json_scan_begin(eqbi_json_scan *s, const char *text, size_t length)
{
    *s = (eqbi_json_scan){.text = text, .p = text, .end = text + length, .token = text};
}

static eqbi_json_kind fault_here(eqbi_json_scan *s, const char *at, const char *fault)
{
    s->p = at;
    s->fault = fault;
    return s->kind = EQBI_JSON_FAULT;
}

bool eqbi_json_scan_fault(eqbi_json_scan *s, const char *fault)
{
    if (!s->fault) fault_here(s, s->token, fault);
    return false;
}

/* The ranges of the second byte shut out overlong forms, surrogates and code points beyond
 * U+10FFFF (Unicode, table 3-7). */
size_t eqbi_utf8_size(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t size = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3
                  : u[0] < 0xf5 ? 4 : 0;
    if (size < 2) return size;
    if (size > (size_t)(end - p)) return 0;
    unsigned char low = u[0] == 0xe0 ? 0xa0 : u[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = u[0] == 0xed ? 0x9f : u[0] == 0xf4 ? 0x8f : 0xbf;
    if (u[1] < low || u[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if (u[i] < 0x80 || u[i] > 0xbf) return 0;
    return size;
}

/* The value of four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}
static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Checks the escape at p (a backslash); its size in bytes, or 0 and the reason in *fault. */
static size_t escape_size(const char *p, const char *end, const char **fault)
{
    if (end - p >= 2 && p[1] != '\0' && strchr("\"\\/bfnrt", p[1])) return 2;
    *fault = "unknown escape in a string";
    if (end - p < 2 || p[1] != 'u') return 0;
    int32_t unit = hex4(p + 2, end);
    *fault = "\\u needs four hexadecimal digits";
    if (unit < 0) return 0;
    *fault = "\\u0000 in a string";
    if (unit == 0) return 0;
    if (!is_high(unit) && !is_low(unit)) return 6;
    *fault = "half a surrogate pair in a string";
    if (is_low(unit) || end - p < 12 || p[6] != '\\' || p[7] != 'u') return 0;
    return is_low(hex4(p + 8, end)) ? 12 : 0;
}

static eqbi_json_kind scan_string(eqbi_json_scan *s)
{
    const char *start = s->p + 1;
    for (const char *p = start; p < s->end;) {
        if (*p == '"') {
            s->token = start;
            s->length = (size_t)(p - start);
            s->p = p + 1;
            return s->kind = EQBI_JSON_STRING;
        }
        if ((unsigned char)*p < 0x20) return fault_here(s, p, "control character in a string");
        const char *fault = "ill-formed UTF-8";
        size_t size = *p == '\\' ? escape_size(p, s->end, &fault) : eqbi_utf8_size(p, s->end);
        if (size == 0) return fault_here(s, p, fault);
        p += size;
    }
    return fault_here(s, s->end, "the text ends within a string");
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

static eqbi_json_kind scan_number(eqbi_json_scan *s)
{
    const char *p = s->p, *end = s->end;
    if (*p == '-') p++;
    const char *start = p;
    p = digits(p, end);
    if (p == start) return fault_here(s, s->p, "a minus sign without a number");
    if (*start == '0' && p - start > 1) return fault_here(s, start, "number with a leading zero");
    if (p < end && *p == '.') {
        start = ++p;
        p = digits(p, end);
        if (p == start) return fault_here(s, p, "expected a digit after the decimal point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        start = p;
        p = digits(p, end);
        if (p == start) return fault_here(s, p, "expected a digit in the exponent");
    }
    if (p - s->p > LONGEST_NUMBER) return fault_here(s, s->p, "number of more than 63 characters");
    s->token = s->p;
    s->length = (size_t)(p - s->p);
    s->p = p;
    return s->kind = EQBI_JSON_NUMBER;
}

static eqbi_json_kind scan_word(eqbi_json_scan *s)
{
    static const struct {
        const char *text;
        size_t length;
        eqbi_json_kind kind;
    } words[] = {
        {"true", 4, EQBI_JSON_TRUE}, {"false", 5, EQBI_JSON_FALSE}, {"null", 4, EQBI_JSON_NULL}};
    size_t left = (size_t)(s->end - s->p);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (left < words[i].length || memcmp(s->p, words[i].text, words[i].length) != 0) continue;
        s->token = s->p;
        s->length = words[i].length;
        s->p += words[i].length;
        return s->kind = words[i].kind;
    }
    if (left >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
        return fault_here(s, s->p, "byte order mark (save the file as UTF-8 without one)");
    return fault_here(s, s->p, "unexpected character");
}

eqbi_json_kind eqbi_json_scan_next(eqbi_json_scan *s)
{
    if (s->fault) return s->kind;
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
    if (s->p == s->end) {
        s->token = s->p;
        s->length = 0;
        return s->kind = EQBI_JSON_END;
    }
    switch (*s->p) {
    case '{': case '}': case '[': case ']': case ':': case ',':
        s->token = s->p++;
        s->length = 1;
        return s->kind = (eqbi_json_kind)*s->token;
    case '"': return scan_string(s);
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9': return scan_number(s);
    default: return scan_word(s);
    }
}

bool eqbi_json_scan_more(eqbi_json_scan *s, eqbi_json_kind close)
{
    bool first = s->kind == EQBI_JSON_OBJECT || s->kind == EQBI_JSON_ARRAY;
    if (eqbi_json_scan_next(s) == close) return false;
    if (!first) {
        if (s->kind != EQBI_JSON_COMMA)
            return eqbi_json_scan_fault(s, close == EQBI_JSON_OBJECT_END ? "expected ',' or '}'"
                                                                         : "expected ',' or ']'");
        eqbi_json_scan_next(s);
    }
    return !s->fault;
}

bool eqbi_json_scan_key(eqbi_json_scan *s)
{
    if (s->kind != EQBI_JSON_STRING)
        return eqbi_json_scan_fault(s, "expected a key in double quotes");
    if (eqbi_json_scan_next(s) != EQBI_JSON_COLON) return eqbi_json_scan_fault(s, "expected ':'");
    return eqbi_json_scan_next(s) != EQBI_JSON_FAULT;
}

static bool scan_value(eqbi_json_scan *s, int depth)
{
    s->values++;
    if (s->kind >= EQBI_JSON_STRING && s->kind <= EQBI_JSON_NULL) return true;
    bool object = s->kind == EQBI_JSON_OBJECT;
    if (!object && s->kind != EQBI_JSON_ARRAY) return eqbi_json_scan_fault(s, "expected a value");
    if (depth == EQBI_JSON_DEPTH) return eqbi_json_scan_fault(s, "nested deeper than 64 levels");
    while (eqbi_json_scan_more(s, object ? EQBI_JSON_OBJECT_END : EQBI_JSON_ARRAY_END)) {
        if (object && !eqbi_json_scan_key(s)) return false;
        if (!scan_value(s, depth + 1)) return false;
    }
    return !s->fault;
}

bool eqbi_json_scan_value(eqbi_json_scan *s)
{
    return scan_value(s, 0);
}

void eqbi_json_scan_position(const eqbi_json_scan *s, size_t *line, size_t *column)
{
    *line = *column = 1;
    for (const char *p = s->text; p < s->p; p++) {
        bool continues = ((unsigned char)*p & 0xc0) == 0x80;
        if (*p == '\n') {
            ++*line;
            *column = 1;
        } else if (!continues) {
            ++*column;
        }
    }
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[size] | c);
    return size;
}

size_t eqbi_json_unescape(char *out, const char *token, size_t length)
{
    static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *end = token + length;
    char *start = out;
    for (const char *p = token; p < end;) {
        if (*p != '\\') {
            *out++ = *p++;
        } else if (p[1] == 'u') {
            uint32_t c = (uint32_t)hex4(p + 2, end);
            p += 6;
            if (is_high((int32_t)c)) {
                c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(p + 2, end) - 0xdc00);
                p += 6;
            }
            out += put_utf8(out, c);
        } else {
            const char *letter = strchr(letters, p[1]);
            *out++ = letter ? values[letter - letters] : p[1];
            p += 2;
        }
    }
    return (size_t)(out - start);
}
