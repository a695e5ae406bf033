/* Files: mapped for reading, replaced whole for writing. Messages name the path and the reason. */
#ifndef EQBI_FILE_H
#define EQBI_FILE_H

#include "base/fault.h"

/* The bytes of a file, mapped read-only. A file that shrinks while mapped ends the process with
 * SIGBUS on any Unix; eqbi_file_read copies instead and is what small files use.                  */
typedef struct eqbi_mapping {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
} eqbi_mapping;

/* errors  IO (cannot open, is a directory, ...) */
eqb_status eqbi_map(eqbi_mapping *out, const char *path, eqb_error *err);
void eqbi_unmap(eqbi_mapping *mapping);

/* The whole file in memory with a NUL after it (not counted); free with
 * eqbi_free(allocator, *out, *size + 1, 1).   errors  IO, NOMEM, DATA (more than limit bytes)      */
eqb_status eqbi_file_read(char **out, size_t *size, const char *path, size_t limit,
                          const eqb_allocator *allocator, eqb_error *err);

/* Writing a file so that its old content stays until the new one is safely on disk:
 *     create (path.tmp-<pid>) -> put ... -> commit (fsync, rename, fsync of the directory)
 * After a failed put, commit fails too; eqbi_output_abandon removes the temporary file and is safe
 * at any time, also after commit.                                                                 */
typedef struct eqbi_output {
    int fd; /* -1: nothing open */
    char path[4096], temporary[4096 + 32];
    bool failed;
    eqb_error first_error;
} eqbi_output;
eqb_status eqbi_output_create(eqbi_output *out, const char *path, eqb_error *err);
void eqbi_output_put(eqbi_output *out, const void *data, size_t size);
void eqbi_output_print(eqbi_output *out, const char *format, ...) EQBI_PRINTF(2, 3);
eqb_status eqbi_output_commit(eqbi_output *out, eqb_error *err);
void eqbi_output_abandon(eqbi_output *out);

/* False only when there is none: one that cannot be looked at counts, so that using it says why. */
bool eqbi_file_exists(const char *path);
/* open(2), closed in child processes, repeated when a signal comes in between; mode 0666. */
int eqbi_open(const char *path, int flags);
/* Fails with IO and "path: what: reason", the reason being that of errno. */
eqb_status eqbi_io_error(eqb_error *err, const char *path, const char *what);
/* Makes dir and its missing parents. */
eqb_status eqbi_make_dirs(const char *dir, eqb_error *err);
/* Makes renames in dir durable. */
eqb_status eqbi_sync_dir(const char *dir, eqb_error *err);
/* dir "/" name into path[4096].   errors  ARGUMENT (too long) */
eqb_status eqbi_join(char path[4096], const char *dir, const char *name, eqb_error *err);

#endif
