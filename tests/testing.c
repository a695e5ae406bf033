/* Helpers of the tests; see testing.h. */
#include "tests/testing.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *shared_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "../shared/%s", name);
    if (access(path, R_OK) == 0) return path;
    printf("skipped: needs %s\n", path);
    return NULL;
}

/* Each block carries its size in front, so that a wrong old_size is caught. */
enum { HEADER = 64 };

static void *test_resize(void *user, void *block, size_t old_size, size_t new_size)
{
    test_allocator *a = user;
    char *raw = block ? (char *)block - HEADER : NULL;
    if (raw) {
        size_t kept;
        memcpy(&kept, raw, sizeof kept);
        ck_assert_msg(kept == old_size, "block of %zu bytes given back as %zu", kept, old_size);
    }
    if (new_size == 0) {
        if (raw) {
            a->live_bytes -= old_size;
            a->live_blocks--;
        }
        free(raw);
        return NULL;
    }
    if (a->limit != 0 && new_size > a->limit) return NULL;
    a->calls++;
    if (a->fail_at != 0 && (a->calls == a->fail_at || (a->fail_after && a->calls > a->fail_at)))
        return NULL;
    char *grown = realloc(raw, new_size + HEADER);
    if (!grown) return NULL;
    memcpy(grown, &new_size, sizeof new_size);
    a->live_bytes += new_size - (raw ? old_size : 0);
    a->live_blocks += raw ? 0 : 1;
    if (a->live_bytes > a->peak_bytes) a->peak_bytes = a->live_bytes;
    return grown + HEADER;
}

void test_allocator_init(test_allocator *a)
{
    memset(a, 0, sizeof *a);
    a->base.resize = test_resize;
    a->base.user = a;
}

static char directory[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void remove_directory(void)
{
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temporary_dir(void)
{
    static char made[96];
    static int count;
    if (!directory[0]) {
        strcpy(directory, "/tmp/equibert-test-XXXXXX");
        ck_assert(mkdtemp(directory) != NULL);
        atexit(remove_directory);
    }
    snprintf(made, sizeof made, "%s/%d", directory, count++);
    ck_assert(mkdir(made, 0777) == 0);
    return made;
}

void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "cannot write %s", path);
    ck_assert(size == 0 || fwrite(data, 1, size, f) == size);
    ck_assert(fclose(f) == 0);
}

char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot read %s", path);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = malloc((size_t)n + 1);
    ck_assert(text != NULL);
    ck_assert(n == 0 || fread(text, 1, (size_t)n, f) == (size_t)n);
    text[n] = '\0';
    fclose(f);
    *size = (size_t)n;
    return text;
}
