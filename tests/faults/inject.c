/* The functions behind --wrap; see inject.h. The list in the Makefile (WRAPPED) is the list here.
 * Counters are atomic: threads of a parallel loop may allocate.                                  */
#include "tests/faults/inject.h"

const char *call_name(call c)
{
    static const char *const names[] = {
#define X(name) #name,
        CALL_LIST(X)
#undef X
    };
    return names[c];
}

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static injection plan;
static atomic_bool active;
static atomic_size_t seen[CALLS], counted, hits;
static atomic_long blocks, maps, bytes, peak;

bool inject_possible(void)
{
    return true;
}

void inject_begin(const injection *i)
{
    plan = *i;
    for (int c = 0; c < CALLS; c++) seen[c] = 0;
    counted = hits = 0;
    blocks = maps = bytes = peak = 0;
    active = true;
}

injected inject_end(void)
{
    active = false;
    injected r = {.hits = hits, .blocks = blocks, .maps = maps, .peak = (size_t)peak};
    for (int c = 0; c < CALLS; c++) r.seen[c] = seen[c];
    return r;
}

/* Counts a call; true: it fails, with errno set unless it is one of the other ways. */
static bool fails(call c)
{
    if (!active) return false;
    seen[c]++;
    if (!(plan.calls >> c & 1)) return false;
    size_t n = ++counted;
    if (plan.at == 0 || n < plan.at || (n > plan.at && !plan.all_later)) return false;
    hits++;
    if (plan.how == FAIL_KILLED && c != CALL_write && c != CALL_rename) raise(SIGKILL);
    if (plan.how > 0) errno = plan.how;
    return true;
}

#define WRAP(type, name, ...)                                                                    \
    type __real_##name(__VA_ARGS__);                                                             \
    type __wrap_##name(__VA_ARGS__);                                                             \
    type __wrap_##name(__VA_ARGS__)

/* ------------------------------------------------------------------------------------ memory -- */

static void count_block(const void *block, int sign)
{
    if (!active || !block) return;
    blocks += sign;
    bytes += sign * (long)malloc_usable_size((void *)(uintptr_t)block);
    long now = bytes;
    if (now > peak) peak = now;
}

WRAP(void *, malloc, size_t size)
{
    if (fails(CALL_alloc)) return NULL;
    void *block = __real_malloc(size);
    count_block(block, 1);
    return block;
}

WRAP(void *, aligned_alloc, size_t alignment, size_t size)
{
    if (fails(CALL_alloc)) return NULL;
    void *block = __real_aligned_alloc(alignment, size);
    count_block(block, 1);
    return block;
}

void __real_free(void *block);
WRAP(void *, realloc, void *block, size_t size)
{
    if (fails(CALL_alloc)) return NULL;
    size_t before = block ? malloc_usable_size(block) : 0;
    bool first = block == NULL;
    void *grown = __real_realloc(block, size);
    if (!active || !grown) return grown;
    blocks += first;
    /* A block that moves stands twice for a moment. */
    long after = (long)malloc_usable_size(grown), most = bytes + after;
    bytes += after - (long)before;
    if (most > peak) peak = most;
    return grown;
}

WRAP(void, free, void *block)
{
    count_block(block, -1);
    __real_free(block);
}

/* ------------------------------------------------------------------------------------- files -- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(CALL_open) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, stat, const char *path, struct stat *st)
{
    return fails(CALL_stat) ? -1 : __real_stat(path, st);
}

WRAP(int, fstat, int fd, struct stat *st)
{
    return fails(CALL_stat) ? -1 : __real_fstat(fd, st);
}

WRAP(void *, mmap, void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fails(CALL_mmap)) return MAP_FAILED;
    void *map = __real_mmap(at, size, protection, flags, fd, offset);
    if (active && map != MAP_FAILED) maps++;
    return map;
}

WRAP(int, munmap, void *at, size_t size)
{
    if (active) maps--;
    return __real_munmap(at, size);
}

WRAP(ssize_t, read, int fd, void *to, size_t size)
{
    if (!fails(CALL_read)) return __real_read(fd, to, size);
    if (plan.how == FAIL_SHORT) return __real_read(fd, to, (size + 1) / 2);
    return plan.how == FAIL_EMPTY ? 0 : -1;
}

WRAP(ssize_t, write, int fd, const void *from, size_t size)
{
    if (!fails(CALL_write)) return __real_write(fd, from, size);
    ssize_t n = plan.how < 0 ? __real_write(fd, from, (size + 1) / 2) : -1;
    if (plan.how == FAIL_KILLED) raise(SIGKILL);
    return n;
}

WRAP(int, fsync, int fd)
{
    return fails(CALL_fsync) ? -1 : __real_fsync(fd);
}

/* The descriptor is gone even when closing fails, as on Linux. */
WRAP(int, close, int fd)
{
    bool bad = fails(CALL_close);
    int kept = errno, result = __real_close(fd);
    if (bad) errno = kept;
    return bad ? -1 : result;
}

WRAP(int, rename, const char *from, const char *to)
{
    if (!fails(CALL_rename)) return __real_rename(from, to);
    if (plan.how != FAIL_KILLED) return -1;
    __real_rename(from, to);
    return raise(SIGKILL);
}

WRAP(int, unlink, const char *path)
{
    return fails(CALL_unlink) ? -1 : __real_unlink(path);
}

WRAP(int, rmdir, const char *path)
{
    return fails(CALL_unlink) ? -1 : __real_rmdir(path);
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
    return fails(CALL_mkdir) ? -1 : __real_mkdir(path, mode);
}

WRAP(DIR *, opendir, const char *path)
{
    return fails(CALL_opendir) ? NULL : __real_opendir(path);
}

WRAP(struct dirent *, readdir, DIR *dir)
{
    return fails(CALL_readdir) ? NULL : __real_readdir(dir);
}

WRAP(int, flock, int fd, int operation)
{
    return fails(CALL_flock) ? -1 : __real_flock(fd, operation);
}

WRAP(int, ftruncate, int fd, off_t size)
{
    return fails(CALL_truncate) ? -1 : __real_ftruncate(fd, size);
}

WRAP(off_t, lseek, int fd, off_t offset, int whence)
{
    return fails(CALL_seek) ? -1 : __real_lseek(fd, offset, whence);
}

#else /* nothing fails where the linker cannot do it */

bool inject_possible(void)
{
    return false;
}

void inject_begin(const injection *i)
{
    (void)i;
}

injected inject_end(void)
{
    return (injected){0};
}

#endif
