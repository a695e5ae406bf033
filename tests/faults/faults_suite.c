/* The suite and what its parts share; see faults.h. */
#include "tests/faults/faults.h"
#include "tests/faults/inject.h"
#include "tests/programs_testing.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool every_fault(void)
{
    const char *asked = getenv("EQUIBERT_FAULTS");
    return asked && strcmp(asked, "all") == 0;
}

size_t fault_step(size_t sampled)
{
    return every_fault() ? 1 : sampled;
}

void check_message(eqb_status status, const eqb_error *err)
{
    if (status == EQB_OK) return;
    ck_assert_int_eq(err->status, status);
    ck_assert_uint_gt(strlen(err->message), 5);
    ck_assert_ptr_null(strchr(err->message, '\n'));
}

/* ------------------------------------------------------------------------------- directories -- */

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type;
    return walk->level == 0 ? 0 : remove(path);
}

void empty_dir(const char *path)
{
    ck_assert_int_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void remove_root(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(root);
}

const char *memory_dir(void)
{
    static char made[4][96];
    static int count;
    if (!root[0]) {
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(root, sizeof root, "%s/equibert-faults-XXXXXX", parent);
        ck_assert(mkdtemp(root) != NULL);
        atexit(remove_root);
    }
    char *dir = made[count % 4];
    snprintf(dir, sizeof made[0], "%s/%d", root, count++);
    ck_assert_int_eq(mkdir(dir, 0777), 0);
    return dir;
}

void copy_dir(const char *to, const char *from)
{
    char source[512], target[512];
    DIR *d = opendir(from);
    ck_assert_msg(d != NULL, "%s: cannot open", from);
    mkdir(to, 0777);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(source, sizeof source, "%s/%s", from, e->d_name);
        snprintf(target, sizeof target, "%s/%s", to, e->d_name);
        ck_assert_int_eq(stat(source, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            copy_dir(target, source);
        } else {
            size_t size;
            char *data = read_file(source, &size);
            write_file(target, data, size);
            free(data);
        }
    }
    closedir(d);
}

size_t open_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ------------------------------------------------------------------------------------- table -- */

static struct {
    char what[64];
    size_t cases, errors;
} rows[96];
static size_t row_count;

void fault_row(const char *what, size_t cases, size_t errors)
{
    size_t i = 0;
    while (i < row_count && strcmp(rows[i].what, what) != 0) i++;
    ck_assert_uint_lt(i, sizeof rows / sizeof *rows);
    if (i == row_count) snprintf(rows[row_count++].what, sizeof rows[i].what, "%s", what);
    rows[i].cases += cases;
    rows[i].errors += errors;
}

/* Whoever gets here has not crashed. */
static void print_table(void)
{
    size_t cases = 0;
    printf("| fault | cases | told as an error | no harm done | crashes |\n"
           "|---|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < row_count; i++) {
        printf("| %s | %zu | %zu | %zu | 0 |\n", rows[i].what, rows[i].cases, rows[i].errors,
               rows[i].cases - rows[i].errors);
        cases += rows[i].cases;
    }
    printf("| all | %zu | | | 0 |\n", cases);
}

/* ------------------------------------------------------------------------------------- suite -- */

static int threads;

/* One thread: the order of allocations is then the same each time, and a process can be forked. */
static void begin(void)
{
    threads = omp_get_max_threads();
    omp_set_num_threads(1);
    cJSON_InitHooks(&(cJSON_Hooks){malloc, free}); /* these here, which can fail */
    tiny_model(); /* made when first asked for, which is not to be in the middle of a fault */
    tiny_pairs();
    tiny_text();
}

static void end(void)
{
    cJSON_InitHooks(NULL);
    omp_set_num_threads(threads);
}

static void end_of_all(void)
{
    end();
    if (every_fault()) print_table();
}

Suite *faults_suite(void)
{
    Suite *s = suite_create("faults");
    TCase *const cases[] = {fault_bytes_case(), fault_calls_case(), fault_runs_case()};
    for (int i = 0; i < 3; i++) {
        tcase_add_unchecked_fixture(cases[i], begin, i < 2 ? end : end_of_all);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
