/* The lines of a text file of any size in a fixed amount of memory, and the sentences of a line. */
#ifndef EQBI_LINES_H
#define EQBI_LINES_H

#include "base/fault.h"

enum { EQBI_LINE_MOST = 1 << 16 };

/* Start with {.fd = -1, .allocator = ...}. */
typedef struct eqbi_lines {
    int fd;
    const char *path;
    char *buffer;       /* [EQBI_LINES_ROOM] */
    size_t at, filled;  /* the bytes not given out yet */
    uint64_t offset;    /* of buffer[at] in the file */
    bool end;           /* the file has been read to its end */
    const eqb_allocator *allocator;
} eqbi_lines;

/* Begins at a byte of a file.   errors  IO, NOMEM */
eqb_status eqbi_lines_open(eqbi_lines *lines, const char *path, uint64_t offset, eqb_error *err);
/* The next line without its line end, valid until the next call; *line is NULL at the end of the file.
 * A longer one than EQBI_LINE_MOST + 1 is cut, at a space if it has one, so that where a piece ends
 * depends on nothing before its beginning.   errors  IO                                           */
eqb_status eqbi_lines_next(eqbi_lines *lines, const char **line, size_t *length, eqb_error *err);
void eqbi_lines_close(eqbi_lines *lines);

bool eqbi_is_blank(const char *line, size_t length);
/* Bytes of the first sentence of text. It ends behind . ! or ? and closing quotes, where a space
 * follows and no small letter after it; or behind the full stop of a script that has another.      */
size_t eqbi_first_sentence(const char *text, size_t length);

#endif
