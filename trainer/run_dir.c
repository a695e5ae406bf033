/* The output directory: lock, metrics, the end of a run; see checkpoint.h. */
#include "trainer/checkpoint.h"
#include "trainer/run_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { METRICS_LIMIT = 1 << 30 };

int64_t eqbi_checkpoint_step(const char *name)
{
    long long step;
    char rest;
    if (sscanf(name, "checkpoint-%lld%c", &step, &rest) != 1 || step < 0) return -1;
    return step;
}

typedef eqb_status (*name_visit)(void *user, const char *dir, const char *name, eqb_error *err);

/* Calls f for each name in a directory until one fails. */
static eqb_status each_name(DIR *d, const char *dir, name_visit f, void *user, eqb_error *err)
{
    eqb_status status = EQB_OK;
    errno = 0;
    for (struct dirent *e; status == EQB_OK && (e = readdir(d)) != NULL; errno = 0)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = f(user, dir, e->d_name, err);
    if (status == EQB_OK && errno != 0) status = eqbi_io_error(err, dir, "cannot read directory");
    closedir(d);
    return status;
}

static eqb_status remove_file(void *user, const char *dir, const char *name, eqb_error *err)
{
    char path[4096];
    (void)user;
    EQBI_TRY(eqbi_join(path, dir, name, err));
    return unlink(path) == 0 ? EQB_OK : eqbi_io_error(err, path, "cannot remove");
}

eqb_status eqbi_remove_dir(const char *path, eqb_error *err)
{
    DIR *d = opendir(path);
    if (!d && errno == ENOENT) return EQB_OK;
    if (!d) return eqbi_io_error(err, path, "cannot open directory");
    EQBI_TRY(each_name(d, path, remove_file, NULL, err));
    return rmdir(path) == 0 ? EQB_OK : eqbi_io_error(err, path, "cannot remove");
}

typedef struct checkpoint_visit {
    eqb_status (*f)(void *user, int64_t step, eqb_error *err);
    void *user;
} checkpoint_visit;

static eqb_status visit_checkpoint(void *user, const char *dir, const char *name, eqb_error *err)
{
    const checkpoint_visit *v = user;
    int64_t step = eqbi_checkpoint_step(name);
    (void)dir;
    return step < 0 ? EQB_OK : v->f(v->user, step, err);
}

eqb_status eqbi_each_checkpoint(const char *output, eqb_status (*f)(void *, int64_t, eqb_error *),
                                void *user, eqb_error *err)
{
    DIR *d = opendir(output);
    if (!d) return eqbi_io_error(err, output, "cannot open directory");
    return each_name(d, output, visit_checkpoint, &(checkpoint_visit){f, user}, err);
}

static eqb_status refuse(void *user, int64_t step, eqb_error *err)
{
    return eqbi_fail(err, EQB_ERR_DATA,
                     "%s: holds checkpoint-%lld of an unfinished run: resume it, or restart to "
                     "discard it",
                     (const char *)user, (long long)step);
}

static eqb_status discard(void *user, int64_t step, eqb_error *err)
{
    char path[4096], name[64];
    snprintf(name, sizeof name, "checkpoint-%lld", (long long)step);
    EQBI_TRY(eqbi_join(path, user, name, err));
    return eqbi_remove_dir(path, err);
}

/* What a run that was killed leaves half made or half removed: checkpoint-<step>.tmp and .old
 * directories, <name>.tmp-<pid> files.                                                            */
static bool is_debris(const char *name, bool *is_dir)
{
    long long number;
    char suffix[4], rest;
    *is_dir = sscanf(name, "checkpoint-%lld.%3[a-z]%c", &number, suffix, &rest) == 2 &&
              (strcmp(suffix, "tmp") == 0 || strcmp(suffix, "old") == 0);
    const char *temporary = strstr(name, ".tmp-");
    return *is_dir || (temporary && sscanf(temporary, ".tmp-%lld%c", &number, &rest) == 1);
}

static eqb_status remove_debris(void *user, const char *dir, const char *name, eqb_error *err)
{
    bool is_dir;
    char path[4096];
    if (!is_debris(name, &is_dir)) return EQB_OK;
    if (!is_dir) return remove_file(user, dir, name, err);
    EQBI_TRY(eqbi_join(path, dir, name, err));
    return eqbi_remove_dir(path, err);
}

static eqb_status sweep(const char *output, eqb_error *err)
{
    DIR *d = opendir(output);
    if (!d) return eqbi_io_error(err, output, "cannot open directory");
    return each_name(d, output, remove_debris, NULL, err);
}

/* Takes the lock, unless another process has it. */
static eqb_status lock(eqbi_run_dir *dir, eqb_error *err)
{
    char file[4096];
    EQBI_TRY(eqbi_join(file, dir->path, ".lock", err));
    dir->lock = eqbi_open(file, O_RDWR | O_CREAT);
    if (dir->lock < 0) return eqbi_io_error(err, dir->path, "cannot be written");
    int result;
    do result = flock(dir->lock, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result == 0) return EQB_OK;
    if (errno != EWOULDBLOCK) return eqbi_io_error(err, dir->path, "cannot be locked");
    return eqbi_fail(err, EQB_ERR_DATA, "%s: another run is writing there", dir->path);
}

eqb_status eqbi_run_dir_open(eqbi_run_dir *dir, const char *path, bool resume, bool restart,
                             eqb_error *err)
{
    dir->lock = dir->metrics = -1;
    if (snprintf(dir->path, sizeof dir->path, "%s", path) >= (int)sizeof dir->path)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "path is too long: %s", path);
    EQBI_TRY(eqbi_make_dirs(path, err));
    char file[4096];
    eqb_status status = lock(dir, err);
    if (status == EQB_OK) status = sweep(path, err);
    if (status == EQB_OK) status = eqbi_join(file, path, "trainer_state.json", err);
    if (status == EQB_OK && !resume) {
        bool finished = eqbi_file_exists(file);
        status = eqbi_each_checkpoint(path, finished || restart ? discard : refuse, dir->path, err);
    }
    if (status == EQB_OK && unlink(file) != 0 && errno != ENOENT)
        status = eqbi_io_error(err, file, "cannot remove");
    if (status != EQB_OK) eqbi_run_dir_close(dir);
    return status;
}

void eqbi_run_dir_close(eqbi_run_dir *dir)
{
    if (dir->metrics >= 0) close(dir->metrics);
    if (dir->lock >= 0) close(dir->lock); /* the lock goes with it */
    dir->metrics = dir->lock = -1;
}

eqb_status eqbi_run_dir_finish(const eqbi_run_dir *dir, int64_t steps, eqb_error *err)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, dir->path, "trainer_state.json", err));
    eqbi_output out;
    EQBI_TRY(eqbi_output_create(&out, path, err));
    eqbi_output_print(&out, "{\"global_step\": %lld, \"max_steps\": %lld}\n", (long long)steps,
                      (long long)steps);
    return eqbi_output_commit(&out, err);
}

/* The step of a metrics line, or -1 when it is none. */
static int64_t metrics_step(const char *line)
{
    long long step;
    return sscanf(line, "{\"step\": %lld,", &step) == 1 ? step : -1;
}

eqb_status eqbi_metrics_open(eqbi_run_dir *dir, int64_t step, eqb_error *err)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, dir->path, "metrics.jsonl", err));
    size_t keep = 0, size = 0;
    char *text = NULL;
    if (step > 0 && eqbi_file_exists(path)) {
        EQBI_TRY(eqbi_file_read(&text, &size, path, METRICS_LIMIT, NULL, err));
        for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            int64_t at = metrics_step(line);
            if (at < 0 || at > step) break;
            keep = (size_t)(end + 1 - text);
        }
        eqbi_free(NULL, text, size + 1, 1);
    }
    dir->metrics = eqbi_open(path, O_WRONLY | O_CREAT);
    if (dir->metrics < 0) return eqbi_io_error(err, path, "cannot be written");
    int cut;
    do cut = ftruncate(dir->metrics, (off_t)keep);
    while (cut != 0 && errno == EINTR);
    if (cut == 0 && lseek(dir->metrics, 0, SEEK_END) >= 0) return EQB_OK;
    return eqbi_io_error(err, path, "cannot be cut to the steps that are done");
}

eqb_status eqbi_metrics_write(const eqbi_run_dir *dir, const eqbi_text *line, eqb_error *err)
{
    if (line->failed) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a line of metrics");
    for (size_t done = 0; done < line->size;) {
        ssize_t n = write(dir->metrics, line->data + done, line->size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return eqbi_io_error(err, dir->path, "metrics.jsonl: cannot write");
        done += (size_t)n;
    }
    return EQB_OK;
}
