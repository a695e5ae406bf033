/* Every input that fuzzing found worth keeping, read again. */
#include "tests/formats_testing.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int replay(const char *name, void (*target)(const uint8_t *data, size_t size))
{
    char folder[128], path[512];
    int count = 0;
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", name);
    DIR *dir = opendir(folder);
    ck_assert_msg(dir != NULL, "%s: cannot open", folder);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') continue;
        size_t size;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        char *data = read_file(path, &size);
        unsigned char *exact = malloc(size ? size : 1); /* without the NUL that read_file adds */
        for (size_t i = 0; i < size; i++) exact[i] = (unsigned char)data[i];
        target(exact, size);
        free(exact);
        free(data);
        count++;
    }
    closedir(dir);
    return count;
}

START_TEST(test_corpus)
{
#define FUZZ(name) ck_assert_msg(replay(#name, fuzz_##name) > 0, "%s: empty", #name);
#include "tests/fuzz/fuzz_targets.def"
#undef FUZZ
}
END_TEST

TCase *formats_corpus_tests(void)
{
    TCase *tests = tcase_create("corpus");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_corpus);
    return tests;
}
