/* Runs that are killed at every call of the system and at random instants, that fill the disk, and
 * that get in each other's way.
 *
 * Over 300 lines: the small run, what must hold of it, and the ways to disturb it belong together. */
#define _GNU_SOURCE /* unshare */
#include "tests/faults/faults.h"
#include "tests/faults/inject.h"
#include "tests/programs_testing.h"
#include "trainer/equibert_train.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

/* ------------------------------------------------------------------------------- a small run -- */

static int stop_after(void *user, const eqb_progress *p)
{
    return p->step == *(const int64_t *)user;
}

static eqb_status train(const char *out, const eqb_train_options *more, eqb_error *err)
{
    eqb_model *m;
    eqb_pairs *pairs = NULL;
    eqb_pairs_options po;
    eqb_pairs_options_default(&po);
    eqb_status status = eqb_model_load(&m, tiny_model(), NULL, err);
    if (status == EQB_OK)
        status = eqb_pairs_load(&pairs, tiny_pairs(), eqb_model_tokenizer(m), 32, &po, err);
    if (status == EQB_OK) {
        eqb_train_options o = *more;
        o.run.output = out;
        status = eqb_train(m, pairs, &o, NULL, NULL, err);
    }
    eqb_pairs_free(pairs);
    eqb_model_free(m);
    return status;
}

static eqb_train_options options(int64_t steps)
{
    eqb_train_options o;
    eqb_train_options_default(&o);
    o.run.steps = steps;
    o.run.save_every = 1;
    o.batch = 4;
    return o;
}

static eqb_status run_long(const char *out, run_mode mode, int64_t steps, eqb_error *err)
{
    eqb_train_options o = options(steps);
    o.run.resume = mode == RUN_RESUME;
    o.run.restart = mode == RUN_START;
    return train(out, &o, err);
}

eqb_status run_training(const char *out, run_mode mode, eqb_error *err)
{
    return run_long(out, mode, RUN_STEPS, err);
}

eqb_status run_stopped(const char *out, int64_t after, eqb_error *err)
{
    eqb_train_options o = options(RUN_STEPS);
    o.run.on_progress = stop_after;
    o.run.user = &after;
    return train(out, &o, err);
}

/* The directory of a run that nothing happened to, with all its checkpoints. */
static const char *undisturbed(int64_t steps)
{
    static char of[2][96];
    char *path = of[steps != RUN_STEPS];
    if (path[0]) return path;
    eqb_error err = {0};
    eqb_train_options o = options(steps);
    o.run.keep_checkpoints = 1000;
    strcpy(path, memory_dir());
    ck_assert_msg(train(path, &o, &err) == EQB_OK, "%s", err.message);
    return path;
}

/* ------------------------------------------------------------------------------------ checks -- */

/* Calls f for each name in a directory; returns how many it is true for. */
static int count_names(const char *out, bool (*f)(const char *out, const char *name))
{
    int n = 0;
    DIR *d = opendir(out);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) n += f(out, e->d_name);
    if (d) closedir(d);
    return n;
}

static bool is_checkpoint(const char *out, const char *name)
{
    (void)out;
    return strncmp(name, "checkpoint-", 11) == 0 && !name[11 + strspn(name + 11, "0123456789")];
}

static bool is_half_made(const char *out, const char *name)
{
    (void)out;
    return strstr(name, ".tmp") || strstr(name, ".old");
}

static int64_t steps_of; /* of the run that is checked */

static bool check_one(const char *out, const char *name)
{
    static const char *const files[] = {"model.safetensors", "state.safetensors", "config.json",
                                        "trainer_state.json", "vocab.txt"};
    char here[512], there[512];
    if (!is_checkpoint(out, name)) return false;
    snprintf(here, sizeof here, "%s/%s", out, name);
    snprintf(there, sizeof there, "%s/%s", undisturbed(steps_of), name);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_same_file(there, here, files[i]);
    return true;
}

static void check_checkpoints_of(const char *out, int64_t steps)
{
    undisturbed(steps);
    steps_of = steps;
    count_names(out, check_one);
}

static void check_finished_of(const char *out, int64_t steps)
{
    static const char *const files[] = {"model.safetensors", "config.json", "vocab.txt",
                                        "trainer_state.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_same_file(undisturbed(steps), out, files[i]);
}

/* Resumes if there is something to resume from. */
static eqb_status go_on(const char *out, int64_t steps, eqb_error *err)
{
    bool some = count_names(out, is_checkpoint) > 0;
    return run_long(out, some ? RUN_RESUME : RUN_START, steps, err);
}

static void check_goes_on_of(const char *out, int64_t steps)
{
    eqb_error err = {0};
    ck_assert_msg(go_on(out, steps, &err) == EQB_OK, "%s", err.message);
    check_finished_of(out, steps);
    ck_assert_int_eq(count_names(out, is_half_made), 0);
}

void check_checkpoints(const char *out) { check_checkpoints_of(out, RUN_STEPS); }
void check_finished(const char *out) { check_finished_of(out, RUN_STEPS); }
void check_goes_on(const char *out) { check_goes_on_of(out, RUN_STEPS); }

/* ------------------------------------------------------------------------------------ killed -- */

static int end_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) ck_assert_int_eq(errno, EINTR);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A run of its own process, which is killed at its n-th call of the system. */
static int run_killed_at(const char *out, bool resume, size_t n)
{
    const unsigned calls = 1u << CALL_open | 1u << CALL_write | 1u << CALL_fsync |
                           1u << CALL_rename | 1u << CALL_unlink | 1u << CALL_mkdir |
                           1u << CALL_truncate | 1u << CALL_close;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child > 0) return end_of(child);
    eqb_error err;
    inject_begin(&(injection){calls, n, false, FAIL_KILLED});
    eqb_status status = run_training(out, resume ? RUN_RESUME : RUN_START, &err);
    _exit(status == EQB_OK ? 0 : 1);
}

/* _i: 0 a run from its start, 1 one that is resumed */
START_TEST(killed_at_every_call)
{
    char out[96], stopped[96];
    eqb_error err;
    size_t cases = 0;
    if (!inject_possible()) return;
    strcpy(out, memory_dir());
    strcpy(stopped, memory_dir());
    undisturbed(RUN_STEPS);
    if (_i) ck_assert_int_eq(run_stopped(stopped, 2, &err), EQB_ERR_CANCELLED);
    for (int code = 128 + SIGKILL; code != 0; cases++) {
        empty_dir(out);
        copy_dir(out, stopped);
        code = run_killed_at(out, _i == 1, 1 + cases * fault_step(17));
        ck_assert_msg(code == 0 || code == 128 + SIGKILL, "ended with %d", code);
        check_checkpoints(out);
        if (code != 0) check_goes_on(out);
    }
    check_finished(out);
    ck_assert_uint_gt(cases, 5);
    fault_row(_i ? "kill -9 at each call of a resumed run" : "kill -9 at each call of a run",
              cases - 1, 0);
}
END_TEST

static long microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void pause_for(long us)
{
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* Runs that save after every step, killed again and again until one comes to its end; then from the
 * start. Each finished model is the undisturbed one. */
START_TEST(killed_at_random_instants)
{
    enum { STEPS = 40 };
    char out[96];
    unsigned state = 1;
    int kills = 0, wanted = every_fault() ? 200 : 10;
    strcpy(out, memory_dir());
    undisturbed(STEPS);
    long begun = microseconds();
    check_goes_on_of(out, STEPS);
    long whole = microseconds() - begun;
    empty_dir(out);
    while (kills < wanted) {
        fflush(NULL);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            eqb_error err;
            _exit(go_on(out, STEPS, &err) == EQB_OK ? 0 : 1);
        }
        state = state * 1103515245u + 12345u;
        pause_for((long)(state >> 8) % (whole / 4 + 1));
        kill(child, SIGKILL);
        int code = end_of(child);
        ck_assert_msg(code == 0 || code == 128 + SIGKILL, "ended with %d", code);
        kills += code != 0;
        check_checkpoints_of(out, STEPS);
        if (code != 0) continue;
        check_finished_of(out, STEPS);
        empty_dir(out);
    }
    check_goes_on_of(out, STEPS);
    fault_row("kill -9 at random instants of saving", (size_t)kills, 0);
}
END_TEST

/* --------------------------------------------------------------------------------- full disk -- */

#ifdef __linux__
enum { CANNOT_MOUNT = 77, PAGE = 4096, PAGES_NEEDED = 96 };

static bool mount_small(const char *place, size_t pages, unsigned long flags)
{
    char size[64];
    snprintf(size, sizeof size, "size=%zu,mode=0777", pages * PAGE);
    return mount("tmpfs", place, "tmpfs", flags, size) == 0;
}

/* In a process and a set of mounts of its own. What goes wrong is said on stderr. */
static int fill_disk(const char *place, size_t pages)
{
    eqb_error err = {0};
    char out[128];
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return CANNOT_MOUNT;
    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (!mount_small(place, pages, 0)) return CANNOT_MOUNT;
    snprintf(out, sizeof out, "%s/run", place);
    eqb_status status = run_training(out, RUN_START, &err);
    bool full = status == EQB_ERR_IO && strstr(err.message, "No space left");
    if (status != EQB_OK && !full) fprintf(stderr, "%zu pages: %s\n", pages, err.message);
    if (status != EQB_OK && !full) return 1;
    check_checkpoints(out);
    if (!mount_small(place, 4096, MS_REMOUNT)) return CANNOT_MOUNT;
    if (full) check_goes_on(out);
    check_finished(out);
    return full ? 2 : 0;
}
#endif

START_TEST(full_disk)
{
#ifdef __linux__
    char place[96];
    size_t cases = 0, full = 0;
    strcpy(place, memory_dir());
    undisturbed(RUN_STEPS);
    for (size_t pages = 1; pages <= PAGES_NEEDED; pages += fault_step(19), cases++) {
        fflush(NULL);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) _exit(fill_disk(place, pages));
        int code = end_of(child);
        if (code == CANNOT_MOUNT) {
            printf("skipped: a full disk needs the right to mount\n");
            return;
        }
        ck_assert_msg(code == 0 || code == 2, "%zu pages: ended with %d", pages, code);
        full += code == 2;
    }
    ck_assert_uint_gt(full, 1);
    ck_assert_uint_lt(full, cases);
    fault_row("disk full at each size", cases, full);
#endif
}
END_TEST

/* ----------------------------------------------------------------------------------- doubled -- */

static const char *doubled;

static int run_second(void *user, const eqb_progress *p)
{
    eqb_error err = {0};
    (void)p;
    for (run_mode mode = RUN_START; mode <= RUN_RESUME; mode++) {
        ck_assert_int_eq(run_training(doubled, mode, &err), EQB_ERR_DATA);
        ck_assert_ptr_nonnull(strstr(err.message, "another run is writing there"));
        ++*(size_t *)user;
    }
    return 0;
}

START_TEST(two_runs_in_one_place)
{
    char out[96];
    eqb_error err = {0};
    size_t refused = 0;
    strcpy(out, memory_dir());
    doubled = out;
    eqb_train_options o = options(RUN_STEPS);
    o.run.on_progress = run_second;
    o.run.user = &refused;
    ck_assert_msg(train(out, &o, &err) == EQB_OK, "%s", err.message);
    ck_assert_uint_eq(refused, 2 * RUN_STEPS);
    check_finished(out);
    fault_row("a second run in the same place", refused, refused);
}
END_TEST

TCase *fault_runs_case(void)
{
    TCase *t = tcase_create("runs");
    tcase_set_timeout(t, 3600);
    tcase_add_loop_test(t, killed_at_every_call, 0, 2);
    tcase_add_test(t, killed_at_random_instants);
    tcase_add_test(t, full_disk);
    tcase_add_test(t, two_runs_in_one_place);
    return t;
}
