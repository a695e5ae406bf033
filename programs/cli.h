/* What the programs share: options from a table, messages, signals, the progress line. */
#ifndef CLI_H
#define CLI_H

#include "trainer/equibert_train.h"

typedef enum cli_kind {
    CLI_GROUP,  /* a heading of --help: only help is set         */
    CLI_FLAG,   /* bool *                                        */
    CLI_INT,    /* int32_t *, from min to max                    */
    CLI_LONG,   /* int64_t *, from min to max                    */
    CLI_SEED,   /* uint64_t *                                    */
    CLI_REAL,   /* double *, from min to max                     */
    CLI_TEXT,   /* const char **                                 */
    CLI_CHOICE  /* int *: place in the comma-separated choices   */
} cli_kind;

typedef struct cli_option {
    cli_kind kind;
    const char *name; /* without "--"                                        */
    const char *arg;  /* "DIR", "N"; for CLI_CHOICE the choices, "mse,kl,js" */
    void *value;      /* holds the default, shown by --help                  */
    const char *help;
    double min, max;
} cli_option;

typedef struct cli {
    const char *program;
    const char *usage;   /* "[OPTIONS] PAIRS.jsonl", lines separated by \n   */
    const char *summary; /* one or more lines                                */
    const char *example; /* command lines, each ending in \n                 */
    const char *notes;   /* after the options, or NULL                       */
    const cli_option *option; /* ends with name NULL and kind CLI_GROUP, help NULL */
} cli;

/* Parses argv; what is no option goes to operand (at most max). Returns their number, or -1 when the
 * program has to end with *exit_code (--help and --version: 0; a mistake: 1, said on stderr).     */
int cli_parse(const cli *c, int argc, char **argv, const char **operand, int max, int *exit_code);

/* "program: message" on stderr; returns the exit code of status (130 or 143 after a signal). */
int cli_fail(const char *program, eqb_status status, const eqb_error *err);

/* SIGINT and SIGTERM are noted; a second one ends the process at once. */
void cli_catch_signals(void);
int cli_signal(void); /* the signal that came, or 0 */

/* Draws progress on stderr: one line rewritten on a terminal, else a line now and then. Returns the
 * value for eqb_progress_fn: not 0 after a signal. user is ignored.                               */
int cli_progress(void *user, const eqb_progress *p);
/* Ends the line that cli_progress draws. */
void cli_progress_end(void);
/* For on_note: one line on stderr. */
void cli_note(void *user, const char *line);

/* Whether to colour stdout: a terminal, and NO_COLOR is not set. */
bool cli_colour(void);

/* Where the shipped files are: path as given if it exists, else beside the program (argv[0] or
 * /proc/self/exe). Static buffer of 4 turns.                                                      */
const char *cli_shipped(const char *path);

/* The directory of a model: name itself when it is one, else where the local cache of the Hugging
 * Face hub has a model of this name. Messages say how to get one that is not there.              */
eqb_status cli_model_dir(char path[4096], const char *name, eqb_error *err);
/* eqb_model_load of that directory. */
eqb_status cli_model_load(eqb_model **out, const char *name, const eqb_model_options *options,
                          eqb_error *err);
/* Whether it has a vocabulary and these parts (bits of eqb_part).
 *   errors  MODEL (which it lacks, and so what cannot be done with it)                            */
eqb_status cli_model_check(const eqb_model *model, const char *name, unsigned parts,
                           eqb_error *err);

#endif
