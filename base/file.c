/* Files; see file.h. Every system call that a signal can interrupt is repeated. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

eqb_status eqbi_io_error(eqb_error *err, const char *path, const char *what)
{
    int code = errno;
    char reason[128] = "";
    if (strerror_r(code, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", code);
    return eqbi_fail(err, EQB_ERR_IO, "%s: %s: %s", path, what, reason);
}

int eqbi_open(const char *path, int flags)
{
    int fd;
    do fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int sync_patiently(int fd)
{
    int result;
    do result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

static eqb_status open_regular(int *fd, size_t *size, const char *path, eqb_error *err)
{
    *fd = eqbi_open(path, O_RDONLY);
    if (*fd < 0) return eqbi_io_error(err, path, "cannot open");
    struct stat st;
    eqb_status status = EQB_OK;
    if (fstat(*fd, &st) != 0)
        status = eqbi_io_error(err, path, "cannot stat");
    else if (!S_ISREG(st.st_mode))
        status = eqbi_fail(err, EQB_ERR_IO, "%s: is not a regular file", path);
    else if ((uintmax_t)st.st_size > SIZE_MAX)
        status = eqbi_fail(err, EQB_ERR_IO, "%s: too large for this machine", path);
    if (status != EQB_OK) {
        close(*fd);
        *fd = -1;
    } else {
        *size = (size_t)st.st_size;
    }
    return status;
}

eqb_status eqbi_map(eqbi_mapping *out, const char *path, eqb_error *err)
{
    *out = (eqbi_mapping){0};
    int fd;
    size_t size;
    EQBI_TRY(open_regular(&fd, &size, path, err));
    eqb_status status = EQB_OK;
    if (size > 0) {
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = eqbi_io_error(err, path, "cannot map");
        else
            *out = (eqbi_mapping){data, size};
    }
    close(fd);
    return status;
}

void eqbi_unmap(eqbi_mapping *mapping)
{
    if (mapping->data) munmap((void *)(uintptr_t)mapping->data, mapping->size);
    *mapping = (eqbi_mapping){0};
}

eqb_status eqbi_file_read(char **out, size_t *size, const char *path, size_t limit,
                          const eqb_allocator *allocator, eqb_error *err)
{
    *out = NULL;
    *size = 0;
    int fd;
    size_t expected;
    EQBI_TRY(open_regular(&fd, &expected, path, err));
    eqb_status status = EQB_OK;
    char *text = NULL;
    size_t filled = 0;
    if (expected > limit) {
        status = eqbi_fail(err, EQB_ERR_DATA, "%s: has %zu bytes, at most %zu are read", path,
                           expected, limit);
        goto done;
    }
    text = eqbi_alloc(allocator, expected + 1, 1);
    if (!text) {
        status = eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for %zu bytes", path, expected);
        goto done;
    }
    while (filled < expected) {
        ssize_t n = read(fd, text + filled, expected - filled);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = eqbi_io_error(err, path, "cannot read");
            goto done;
        }
        if (n == 0) {
            status = eqbi_fail(err, EQB_ERR_IO, "%s: became shorter while it was read", path);
            goto done;
        }
        filled += (size_t)n;
    }
    text[filled] = '\0';
    *out = text;
    *size = filled;
done:
    if (status != EQB_OK) eqbi_free(allocator, text, expected + 1, 1);
    close(fd);
    return status;
}

eqb_status eqbi_output_create(eqbi_output *out, const char *path, eqb_error *err)
{
    out->fd = -1;
    out->failed = false;
    int n = snprintf(out->path, sizeof out->path, "%s", path);
    if (n < 0 || (size_t)n >= sizeof out->path)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "path is too long: %s", path);
    snprintf(out->temporary, sizeof out->temporary, "%s.tmp-%ld", path, (long)getpid());
    out->fd = eqbi_open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC);
    return out->fd < 0 ? eqbi_io_error(err, out->temporary, "cannot create") : EQB_OK;
}

void eqbi_output_put(eqbi_output *out, const void *data, size_t size)
{
    const char *p = data;
    while (!out->failed && size > 0) {
        size_t piece = size < ((size_t)1 << 30) ? size : (size_t)1 << 30;
        ssize_t n = write(out->fd, p, piece);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            out->failed = true;
            eqbi_io_error(&out->first_error, out->path, "cannot write");
            return;
        }
        p += n;
        size -= (size_t)n;
    }
}

void eqbi_output_print(eqbi_output *out, const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line) {
        if (!out->failed)
            eqbi_fail(&out->first_error, EQB_ERR_IO, "%s: a line is too long", out->path);
        out->failed = true;
        return;
    }
    eqbi_output_put(out, line, (size_t)n);
}

eqb_status eqbi_output_commit(eqbi_output *out, eqb_error *err)
{
    eqb_status status = EQB_OK;
    if (out->failed) {
        if (err) *err = out->first_error;
        status = out->first_error.status;
    } else if (sync_patiently(out->fd) != 0) {
        status = eqbi_io_error(err, out->path, "cannot sync");
    }
    int closed = close(out->fd);
    out->fd = -1;
    if (status == EQB_OK && closed != 0) status = eqbi_io_error(err, out->path, "cannot close");
    if (status == EQB_OK && rename(out->temporary, out->path) != 0)
        status = eqbi_io_error(err, out->path, "cannot rename into place");
    if (status != EQB_OK) {
        unlink(out->temporary);
        return status;
    }
    char dir[4096];
    memcpy(dir, out->path, sizeof dir);
    char *slash = strrchr(dir, '/');
    if (!slash) return eqbi_sync_dir(".", err);
    *(slash == dir ? slash + 1 : slash) = '\0';
    return eqbi_sync_dir(dir, err);
}

void eqbi_output_abandon(eqbi_output *out)
{
    if (out->fd < 0) return;
    close(out->fd);
    unlink(out->temporary);
    out->fd = -1;
}

bool eqbi_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

eqb_status eqbi_make_dirs(const char *dir, eqb_error *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s", dir);
    if (n <= 0 || (size_t)n >= sizeof path)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "bad directory name: \"%s\"", dir);
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0') continue;
        char kept = *p;
        *p = '\0';
        struct stat st;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return eqbi_io_error(err, path, "cannot make directory");
        if (stat(path, &st) != 0) return eqbi_io_error(err, path, "cannot stat");
        if (!S_ISDIR(st.st_mode))
            return eqbi_fail(err, EQB_ERR_IO, "%s: is not a directory", path);
        if (kept == '\0') return EQB_OK;
        *p = kept;
    }
}

eqb_status eqbi_sync_dir(const char *dir, eqb_error *err)
{
    int fd = eqbi_open(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return eqbi_io_error(err, dir, "cannot open directory");
    /* Some network file systems cannot sync a directory; the rename itself has succeeded there. */
    int result = sync_patiently(fd);
    int code = errno;
    close(fd);
    errno = code;
    if (result == 0 || code == EINVAL || code == ENOTSUP) return EQB_OK;
    return eqbi_io_error(err, dir, "cannot sync");
}

eqb_status eqbi_join(char path[4096], const char *dir, const char *name, eqb_error *err)
{
    int n = snprintf(path, 4096, "%s/%s", dir, name);
    if (n < 0 || n >= 4096)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "path is too long: %s/%s", dir, name);
    return EQB_OK;
}
