/* What the tests of the programs share: running them, and a small model and files for them. */
#ifndef PROGRAMS_TESTING_H
#define PROGRAMS_TESTING_H

#include "tests/testing.h"

#include <sys/types.h>

/* How a program ended, and what it said. Both texts end in NUL; ran_free. */
typedef struct ran {
    int code;        /* its exit code, 128 + n if signal n ended it */
    char *out, *err; /* stdout, stderr                              */
} ran;
void ran_free(ran *r);

/* Arguments of a program: ARGS("probe", "--csv"). The first is its name in $EQUIBERT_PROGRAMS (the
 * root of the tree), or "examples/x" for one in $EQUIBERT_BUILD. */
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

ran run(const char *const args[]);
/* Runs it and fails unless it ends with this code and, if not NULL, says this on stderr. */
void expect_code(const char *const args[], int code, const char *said);
/* The same for code 0; returns stdout. free() it. */
char *expect_output(const char *const args[]);

/* A program that runs on while the test does something. wait_for ends it. */
typedef struct running {
    pid_t pid;
    char out[160], err[160]; /* files */
} running;
running start(const char *const args[]);
ran wait_for(running *r);

/* The directory of a small random model, made once: 2 layers, hidden 16, words of the texts below,
 * "firefighter" in three pieces. */
const char *tiny_model(void);
/* A pairs file of 12 lines that suits it, and a plain text. */
const char *tiny_pairs(void);
const char *tiny_text(void);

/* A name under a fresh directory, which does not exist. Four of them live at a time. */
const char *fresh_path(void);
bool exists(const char *dir, const char *name);
void check_same_file(const char *dir_a, const char *dir_b, const char *name);

TCase *program_probe_case(void);
TCase *program_probe_data_case(void);
TCase *program_runs_case(void);

#endif
