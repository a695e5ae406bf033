/* Lines and sentences; see lines.h. */
#include "trainer/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 4 * EQBI_LINE_MOST, LOOK = EQBI_LINE_MOST + 2 };

eqb_status eqbi_lines_open(eqbi_lines *r, const char *path, uint64_t offset, eqb_error *err)
{
    eqbi_lines_close(r);
    r->path = path;
    r->offset = offset;
    r->at = r->filled = 0;
    r->end = false;
    if (!r->buffer && !(r->buffer = eqbi_alloc(r->allocator, ROOM, 1)))
        return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory to read it", path);
    do r->fd = open(path, O_RDONLY | O_CLOEXEC);
    while (r->fd < 0 && errno == EINTR);
    struct stat st;
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return eqbi_fail(err, EQB_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return eqbi_fail(err, EQB_ERR_IO, "%s: is not a regular file; text is read more than once",
                         path);
    if (offset > 0 && lseek(r->fd, (off_t)offset, SEEK_SET) < 0)
        return eqbi_fail(err, EQB_ERR_IO, "%s: cannot seek: %s", path, strerror(errno));
    return EQB_OK;
}

void eqbi_lines_close(eqbi_lines *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
    eqbi_free(r->allocator, r->buffer, ROOM, 1);
    r->buffer = NULL;
}

/* Moves what is left to the front and reads until the buffer is full or the file ends. */
static eqb_status fill(eqbi_lines *r, eqb_error *err)
{
    memmove(r->buffer, r->buffer + r->at, r->filled - r->at);
    r->filled -= r->at;
    r->at = 0;
    while (!r->end && r->filled < ROOM) {
        ssize_t n = read(r->fd, r->buffer + r->filled, ROOM - r->filled);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return eqbi_fail(err, EQB_ERR_IO, "%s: cannot read: %s", r->path, strerror(errno));
        r->filled += (size_t)n;
        r->end = n == 0;
    }
    return EQB_OK;
}

/* Where to cut text of EQBI_LINE_MOST bytes: behind its last space, or else before a character. */
static size_t cut(const char *text)
{
    size_t end = EQBI_LINE_MOST;
    while (end > 0 && text[end - 1] != ' ') end--;
    if (end > 0) return end;
    end = EQBI_LINE_MOST;
    while (end > EQBI_LINE_MOST - 4 && ((unsigned char)text[end] & 0xc0) == 0x80) end--;
    return end;
}

eqb_status eqbi_lines_next(eqbi_lines *r, const char **line, size_t *length, eqb_error *err)
{
    /* The longest piece and its line end, so that no empty piece is left of a line. */
    if (!r->end && r->filled - r->at < LOOK) EQBI_TRY(fill(r, err));
    size_t left = r->filled - r->at;
    *line = NULL;
    *length = 0;
    if (left == 0) return EQB_OK;
    const char *text = r->buffer + r->at;
    const char *newline = memchr(text, '\n', left < LOOK ? left : LOOK);
    size_t taken = newline ? (size_t)(newline - text) + 1 : left < LOOK ? left : cut(text);
    r->at += taken;
    r->offset += taken;
    *line = text;
    *length = taken - (newline != NULL);
    if (newline && *length > 0 && text[*length - 1] == '\r') --*length;
    return EQB_OK;
}

bool eqbi_is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

/* ---------------------------------------------------------------------------------- sentences -- */

/* Whether the word before the full stop at text[dot] is one that stands before names, or an initial:
 * then the stop does not end a sentence.                                                          */
static bool is_abbreviation(const char *text, size_t dot)
{
    static const char *const known[] = {"Mr", "Mrs", "Ms", "Dr",  "St", "Prof", "Rev", "Mme",
                                        "Sr", "Jr",  "vs", "etc", "No", "Capt", "Col", "Mlle"};
    size_t from = dot;
    while (from > 0 && text[from - 1] != ' ' && text[from - 1] != '"' && text[from - 1] != '(')
        from--;
    size_t length = dot - from;
    if (length == 1) return text[from] >= 'A' && text[from] <= 'Z';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == length && memcmp(known[i], text + from, length) == 0) return true;
    return false;
}

/* Bytes of the one of the texts that stands at text, or 0. */
static size_t one_of(const char *const *texts, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(texts[i]);
        if (n <= length && memcmp(text, texts[i], n) == 0) return n;
    }
    return 0;
}
#define ONE_OF(table, text, length) one_of(table, sizeof(table) / sizeof *(table), text, length)

size_t eqbi_first_sentence(const char *text, size_t length)
{
    static const char *const stops[] = {"\u3002", "\uff01", "\uff1f", "\uff61",  /* Chinese, Japanese */
                                        "\u0964", "\u0965", "\u061f", "\u06d4",  /* Hindi, Arabic, Urdu */
                                        "\u0589", "\u1362", "\u1367", "\u104b",  /* Armenian, Amharic, */
                                        "\u17d4"};                               /* Burmese, Khmer */
    static const char *const closers[] = {".", "!", "?", "\"", "'", ")", "]", "\u2019", "\u201d",
                                          "\u00bb", " \u00bb", "\u00a0\u00bb", "\u203a", "\u300d",
                                          "\u300f", "\uff09"};
    for (size_t i = 0; i < length;) {
        bool latin = text[i] == '.' || text[i] == '!' || text[i] == '?';
        size_t n = latin ? 1 : (unsigned char)text[i] < 0x80 ? 0 : ONE_OF(stops, text + i, length - i);
        if (n == 0 || (text[i] == '.' && is_abbreviation(text, i))) {
            i++;
            continue;
        }
        size_t end = i + n;
        for (size_t more; (more = ONE_OF(closers, text + end, length - end)) > 0 ||
                          (more = ONE_OF(stops, text + end, length - end)) > 0;)
            end += more;
        if (!latin && end < length) return end;
        if (end + 1 < length && text[end] == ' ' &&
            !(text[end + 1] >= 'a' && text[end + 1] <= 'z'))
            return end;
        i = end;
    }
    return length;
}
