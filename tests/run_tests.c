/* Runs every suite of suites.def, or those named on the command line: build/run_tests tokenizer
 * Tests run in one process (CK_FORK=no): a crash shows its stack to the debugger, the sanitizers see
 * the whole run, and OpenMP's threads need no fork. */
#include "tests/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/suites.def"
#undef SUITE

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        Suite *(*make)(void);
    } all[] = {
#define SUITE(name) {#name, name##_suite},
#include "tests/suites.def"
#undef SUITE
    };
    SRunner *runner = srunner_create(NULL);
    int chosen = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool wanted = argc == 1;
        for (int k = 1; k < argc; k++) wanted = wanted || strcmp(argv[k], all[i].name) == 0;
        if (wanted) srunner_add_suite(runner, all[i].make());
        chosen += wanted;
    }
    if (chosen == 0) {
        fprintf(stderr, "no such suite; there are:");
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) fprintf(stderr, " %s", all[i].name);
        fprintf(stderr, "\n");
        return EXIT_FAILURE;
    }
    if (!getenv("CK_FORK")) srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
