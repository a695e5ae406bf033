/* Records on stdout for other programs, as CSV (RFC 4180, but lines end in LF) or JSON. The same
 * calls, field by field, make either, and the line of column names:
 *
 *     cli_record r = {.notation = CLI_CSV};
 *     cli_put_text(&r, "word", "nurse");
 *     cli_put_number(&r, "p", 0.25);
 *     cli_end_record(&r);                      // nurse,0.25        {"word": "nurse", "p": 0.25}
 *
 * Of ill-formed UTF-8 JSON gets U+FFFD, CSV the bytes as they are.                               */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cli_notation { CLI_CSV_NAMES, CLI_CSV, CLI_JSON } cli_notation;

typedef struct cli_record {
    cli_notation notation;
    bool begun; /* a field was written */
} cli_record;

/* NULL is null in JSON and nothing in CSV. */
void cli_put_text(cli_record *r, const char *name, const char *text);
/* To 9 digits; NaN and infinities as NULL above. */
void cli_put_number(cli_record *r, const char *name, double x);
/* Arrays in JSON, joined with spaces in CSV. */
void cli_put_numbers(cli_record *r, const char *name, const int32_t *x, int32_t count);
void cli_put_texts(cli_record *r, const char *name, const char *const *text, int32_t count);
/* Ends the record: "}" or a line end. The next one may begin. */
void cli_end_record(cli_record *r);

/* A JSON string with its quotes. */
void cli_json_string(const char *text);

#endif
