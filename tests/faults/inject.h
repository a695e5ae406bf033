/* Makes the library's calls of the C library fail, one after another.
 *
 * The test program is linked with the linker's --wrap: calls of malloc, open, write ... that stand
 * in the library and in the tests pass through here. Between begin and end they are counted, and the
 * n-th of the chosen ones fails. Needs a linker that has --wrap, hence Linux.                    */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>
#include <stddef.h>

/* X(name): CALL_name, one or a few functions of the C library each. */
#define CALL_LIST(X)                                                                             \
    X(alloc) X(open) X(stat) X(mmap) X(read) X(write) X(fsync) X(close) X(rename) X(unlink)      \
    X(mkdir) X(opendir) X(readdir) X(flock) X(truncate) X(seek)

typedef enum call {
#define X(name) CALL_##name,
    CALL_LIST(X)
#undef X
    CALLS
} call;
const char *call_name(call c);

/* How a call fails: a number of errno, or one of these. */
enum {
    FAIL_SHORT = -1, /* read and write move half of the bytes, and succeed                     */
    FAIL_EMPTY = -2, /* read finds the end of the file                                        */
    FAIL_KILLED = -3 /* SIGKILL; a write moves half of its bytes before, a rename happens     */
};

typedef struct injection {
    unsigned calls;  /* bits 1 << CALL_x: those that count                             */
    size_t at;       /* the one that fails: 1, 2, ...; 0: none, they are only counted   */
    bool all_later;  /* and all after it                                               */
    int how;
} injection;

/* Whether this program was linked so that calls can fail. */
bool inject_possible(void);
void inject_begin(const injection *i);

/* What happened since. */
typedef struct injected {
    size_t seen[CALLS]; /* calls of each kind, the failed ones included                        */
    size_t hits;        /* of them, failed                                                    */
    long blocks;        /* allocated and not freed                                            */
    long maps;          /* mapped and not unmapped                                            */
    size_t peak;        /* most bytes allocated at a time                                     */
} injected;
injected inject_end(void);

#endif
