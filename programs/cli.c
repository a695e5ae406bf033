/* Options, messages, signals, progress; see cli.h. */
#include "programs/cli.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------------------------- options -- */

static void print_default(const cli_option *o)
{
    switch (o->kind) {
    case CLI_INT: printf(" [%d]", *(const int32_t *)o->value); break;
    case CLI_LONG: printf(" [%lld]", (long long)*(const int64_t *)o->value); break;
    case CLI_SEED: printf(" [%llu]", (unsigned long long)*(const uint64_t *)o->value); break;
    case CLI_REAL: printf(" [%g]", *(const double *)o->value); break;
    case CLI_TEXT:
        if (*(const char *const *)o->value) printf(" [%s]", *(const char *const *)o->value);
        break;
    case CLI_CHOICE: {
        const char *at = o->arg;
        for (int i = *(const int *)o->value; i > 0; i--) at = strchr(at, ',') + 1;
        printf(" [%.*s]", (int)strcspn(at, ","), at);
        break;
    }
    case CLI_FLAG:
    case CLI_GROUP: break;
    }
}

static void print_help(const cli *c)
{
    printf("Usage: %s %s\n%s\n\nExamples:\n%s", c->program, c->usage, c->summary, c->example);
    for (const cli_option *o = c->option; o->help; o++) {
        if (o->kind == CLI_GROUP) {
            printf("\n%s\n", o->help);
            continue;
        }
        char left[96];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %-28s %s", left, o->help);
        print_default(o);
        printf("\n");
    }
    printf("\n  %-28s %s\n  %-28s %s\n", "--help", "this text", "--version", "the version");
    if (c->notes) printf("\n%s", c->notes);
    printf("\nExit codes: 0 done, 1 usage, 2 bad data, 3 bad model, 4 input/output,\n"
           "            5 out of memory, 6 diverged, 130/143 interrupted\n");
}

static int complain(const cli *c, const char *name, const char *text, const char *expected)
{
    fprintf(stderr, "%s: --%s: \"%s\" is not %s\n", c->program, name, text, expected);
    return -1;
}

static int set_choice(const cli *c, const cli_option *o, const char *text)
{
    int place = 0;
    for (const char *at = o->arg; *at; place++) {
        size_t length = strcspn(at, ",");
        if (strlen(text) == length && strncmp(at, text, length) == 0) {
            *(int *)o->value = place;
            return 0;
        }
        at += length + (at[length] == ',');
    }
    char expected[256];
    snprintf(expected, sizeof expected, "one of %s", o->arg);
    return complain(c, o->name, text, expected);
}

static int set_number(const cli *c, const cli_option *o, const char *text)
{
    char *end, expected[96];
    errno = 0;
    double x = strtod(text, &end);
    bool whole = o->kind != CLI_REAL;
    snprintf(expected, sizeof expected, "a %snumber from %g to %g", whole ? "whole " : "", o->min,
             o->max);
    if (end == text || *end || errno || !(x >= o->min && x <= o->max) || (whole && x != floor(x)))
        return complain(c, o->name, text, expected);
    if (o->kind == CLI_INT)
        *(int32_t *)o->value = (int32_t)x;
    else if (o->kind == CLI_LONG)
        *(int64_t *)o->value = (int64_t)x;
    else
        *(double *)o->value = x;
    return 0;
}

static int set(const cli *c, const cli_option *o, const char *text)
{
    if (o->kind == CLI_TEXT) {
        *(const char **)o->value = text;
        return 0;
    }
    if (o->kind == CLI_CHOICE) return set_choice(c, o, text);
    if (o->kind != CLI_SEED) return set_number(c, o, text);
    char *end;
    errno = 0;
    unsigned long long x = strtoull(text, &end, 10);
    if (end == text || *end || errno || strchr(text, '-'))
        return complain(c, o->name, text, "a whole number from 0 to 2^64-1");
    *(uint64_t *)o->value = x;
    return 0;
}

static const cli_option *find(const cli *c, const char *name, size_t length)
{
    for (const cli_option *o = c->option; o->help; o++)
        if (o->kind != CLI_GROUP && strlen(o->name) == length && !strncmp(o->name, name, length))
            return o;
    return NULL;
}

/* Parses one "--name", "--name value" or "--name=value" at argv[*i]; -1 after a mistake. */
static int parse_option(const cli *c, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *value = strchr(name, '=');
    size_t length = value ? (size_t)(value - name) : strlen(name);
    const cli_option *o = argv[*i][1] == '-' ? find(c, name, length) : NULL;
    if (!o) {
        fprintf(stderr, "%s: there is no option %s; see %s --help\n", c->program, argv[*i],
                c->program);
        return -1;
    }
    if (o->kind == CLI_FLAG) {
        if (value) return complain(c, o->name, value + 1, "expected: the option takes no value");
        *(bool *)o->value = true;
        return 0;
    }
    if (value) return set(c, o, value + 1);
    if (*i + 1 >= argc) {
        fprintf(stderr, "%s: --%s needs a value (%s)\n", c->program, o->name, o->arg);
        return -1;
    }
    return set(c, o, argv[++*i]);
}

/* OpenMP's threads wait for each other by spinning, for milliseconds unless told, and so use up their
 * share of a core that others want, too: with one of two cores busy with something else, a step of the
 * shipped model takes 408 ms after 100,000 rounds of spinning, 143 after 10,000, 76 after 1,000. But
 * below 7,000 a thread may be asleep when it is needed, and one sentence takes twice as long on a quiet
 * machine. GCC's OpenMP reads its settings before main, so this starts the program again with
 * GOMP_SPINCOUNT set. Not where the user has set how threads wait, or on which cores they run (one
 * that is bound already would pass its one core on), nor where there is no /proc.                 */
static void wait_briefly(char **argv)
{
    static const char *const settings[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND",
                                           "OMP_PLACES", "GOMP_CPU_AFFINITY"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (getenv(settings[i])) return;
    if (setenv("GOMP_SPINCOUNT", "10000", 1) == 0) execv("/proc/self/exe", argv);
}

int cli_parse(const cli *c, int argc, char **argv, const char **operand, int max, int *exit_code)
{
    wait_briefly(argv);
    int operands = 0;
    bool only_operands = false;
    *exit_code = 0;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && strcmp(argv[i], "--help") == 0) {
            print_help(c);
            return -1;
        } else if (!only_operands && strcmp(argv[i], "--version") == 0) {
            printf("%s (equibert) %s\n", c->program, eqb_version());
            return -1;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            if (parse_option(c, argc, argv, &i) != 0) {
                *exit_code = EQB_ERR_ARGUMENT;
                return -1;
            }
        } else if (operands == max) {
            fprintf(stderr, "%s: \"%s\" is one argument too many; see %s --help\n", c->program,
                    argv[i], c->program);
            *exit_code = EQB_ERR_ARGUMENT;
            return -1;
        } else {
            operand[operands++] = argv[i];
        }
    }
    return operands;
}

/* ----------------------------------------------------------------------- messages and signals -- */

static volatile sig_atomic_t signal_seen;

static void on_signal(int number)
{
    if (signal_seen) _exit(128 + number);
    signal_seen = number;
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int cli_signal(void)
{
    return signal_seen;
}

int cli_fail(const char *program, eqb_status status, const eqb_error *err)
{
    fprintf(stderr, "%s: %s\n", program, err->message);
    if (status == EQB_ERR_CANCELLED) return 128 + (signal_seen ? (int)signal_seen : SIGINT);
    return (int)status;
}

void cli_note(void *user, const char *line)
{
    (void)user;
    cli_progress_end();
    fprintf(stderr, "note: %s\n", line);
}

/* ---------------------------------------------------------------------------------- progress -- */

static struct {
    bool drawn;        /* a line without its end stands on the terminal */
    double last;       /* seconds of the run when a plain line was said */
} progress = {false, -1e9};

static void print_loss(const char *name, double x)
{
    if (!isnan(x)) fprintf(stderr, " %s %.4f", name, fabs(x) < 5e-5 ? 0.0 : x); /* no -0.0000 */
}

int cli_progress(void *user, const eqb_progress *p)
{
    (void)user;
    bool terminal = isatty(STDERR_FILENO) != 0, last = p->step == p->steps;
    double pause = terminal ? 0.1 : 5.0;
    if (last || p->saved || p->step == 1 || p->seconds - progress.last >= pause) {
        int left = (int)p->seconds_left;
        fprintf(stderr, "%sstep %lld/%lld loss %.4f", terminal ? "\r\033[K" : "",
                (long long)p->step, (long long)p->steps, p->loss);
        print_loss("mlm", p->mlm);
        print_loss("nsp", p->nsp);
        print_loss("pair", p->pair);
        print_loss("odds", p->odds);
        print_loss("keep", p->keep);
        fprintf(stderr, " lr %.2e norm %.2f %.0f tok/s ETA %d:%02d:%02d%s", p->learning_rate,
                p->gradient_norm, p->tokens_per_second, left / 3600, left / 60 % 60, left % 60,
                p->saved ? " saved" : "");
        if (!terminal || last) fprintf(stderr, "\n");
        progress.drawn = terminal && !last;
        progress.last = p->seconds;
    }
    return signal_seen;
}

void cli_progress_end(void)
{
    if (progress.drawn) fprintf(stderr, "\n");
    progress.drawn = false;
}

/* ------------------------------------------------------------------------------------ places -- */

bool cli_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && *no);
}

const char *cli_shipped(const char *path)
{
    static char found[4][4096];
    static int turn;
    if (access(path, R_OK) == 0) return path;
    char *buffer = found[turn++ % 4];
    ssize_t n = readlink("/proc/self/exe", buffer, 2048);
    if (n <= 0) return path;
    buffer[n] = '\0';
    char *slash = strrchr(buffer, '/');
    snprintf(slash + 1, 2000, "%s", path);
    return access(buffer, R_OK) == 0 ? buffer : path;
}
