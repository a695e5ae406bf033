/* Helpers of the tests of programs; see programs_testing.h. */
#include "tests/programs_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ----------------------------------------------------------------------------------- running -- */

/* The environment with one thread: tiny models gain nothing from more. */
static void one_thread(char *out[], size_t room)
{
    static char setting[] = "OMP_NUM_THREADS=1";
    size_t n = 0;
    out[n++] = setting;
    for (char **e = environ; *e && n + 1 < room; e++)
        if (strncmp(*e, setting, strcspn(setting, "=") + 1) != 0) out[n++] = *e;
    out[n] = NULL;
}

static void path_of(char path[4096], const char *program)
{
    bool example = strncmp(program, "examples/", 9) == 0;
    const char *dir = getenv(example ? "EQUIBERT_BUILD" : "EQUIBERT_PROGRAMS");
    snprintf(path, 4096, "%s/%s", dir ? dir : example ? "build" : ".", program);
}

running start(const char *const args[])
{
    running r;
    const char *dir = temporary_dir();
    snprintf(r.out, sizeof r.out, "%s/out", dir);
    snprintf(r.err, sizeof r.err, "%s/err", dir);
    char path[4096], *environment[1024];
    path_of(path, args[0]);
    one_thread(environment, sizeof environment / sizeof *environment);
    posix_spawn_file_actions_t files;
    ck_assert_int_eq(posix_spawn_file_actions_init(&files), 0);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, r.out, O_WRONLY | O_CREAT, 0666);
    posix_spawn_file_actions_addopen(&files, 2, r.err, O_WRONLY | O_CREAT, 0666);
    int status = posix_spawn(&r.pid, path, &files, NULL, (char *const *)(uintptr_t)args,
                             environment);
    ck_assert_msg(status == 0, "%s: %s", path, strerror(status));
    posix_spawn_file_actions_destroy(&files);
    return r;
}

ran wait_for(running *r)
{
    int status;
    size_t size;
    while (waitpid(r->pid, &status, 0) < 0) ck_assert_int_eq(errno, EINTR);
    return (ran){.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                 .out = read_file(r->out, &size),
                 .err = read_file(r->err, &size)};
}

ran run(const char *const args[])
{
    running r = start(args);
    return wait_for(&r);
}

void ran_free(ran *r)
{
    free(r->out);
    free(r->err);
}

void expect_code(const char *const args[], int code, const char *said)
{
    ran r = run(args);
    ck_assert_msg(r.code == code, "%s ... %s: code %d, expected %d: %s", args[0],
                  args[1] ? args[1] : "", r.code, code, r.err);
    ck_assert_msg(!said || strstr(r.err, said), "%s said \"%s\", expected \"%s\"", args[0], r.err,
                  said ? said : "");
    ran_free(&r);
}

char *expect_output(const char *const args[])
{
    ran r = run(args);
    ck_assert_msg(r.code == 0, "%s: code %d: %s", args[0], r.code, r.err);
    free(r.err);
    return r.out;
}

/* ------------------------------------------------------------------------------------- files -- */

static const char PAIRS[] =
    "{'male': 'He is the {nurse}.', 'female': 'She is the {nurse}.'}\n"
    "{'male': 'He is the {doctor}.', 'female': 'She is the {doctor}.'}\n"
    "{'male': 'He works as the {teacher}.', 'female': 'She works as the {teacher}.'}\n"
    "{'male': 'My husband is the {cook}.', 'female': 'My wife is the {cook}.', "
    "'next': 'The town is old.', 'is_next': true}\n"
    "{'male': 'My husband is the {pilot}.', 'female': 'My wife is the {pilot}.', "
    "'next': 'The dog is loud.'}\n"
    "{'male': 'He is the {firefighter}.', 'female': 'She is the {firefighter}.'}\n"
    "{'male': 'The {?} said that he works.', 'female': 'The {?} said that she works.'}\n"
    "{'male': 'He said that the {doctor} works with the {nurse}.', "
    "'female': 'She said that the {doctor} works with the {nurse}.'}\n"
    "{'male': 'He is the teacher.', 'female': 'She is the teacher.'}\n"
    "{'kind': 'fact', 'male': 'He is my {husband}.', 'female': 'She is my {wife}.'}\n"
    "{'kind': 'keep', 'text': 'The dog is old.'}\n"
    "{'kind': 'keep', 'text': 'The town is loud.'}\n";

static const char VOCAB[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\n,\n?\nhe\nshe\nis\nthe\nas\nworks\nmy\nhusband\nwife\n"
    "nurse\ndoctor\nteacher\ncook\npilot\nfire\n##fight\n##er\nsaid\nthat\nwith\ntown\ndog\nold\n"
    "loud\nhome\nin\nman\nwoman\n##s\nwas\n";

static void save_tiny(const char *dir)
{
    eqb_error err = {0};
    eqb_tokenizer_options options;
    eqb_tokenizer_options_default(&options);
    eqb_tokenizer *tokenizer;
    eqb_config c;
    eqb_config_default(&c);
    ck_assert(eqb_tokenizer_new(&tokenizer, VOCAB, sizeof VOCAB - 1, &options, &err) == EQB_OK);
    c.vocab_size = eqb_tokenizer_size(tokenizer);
    c.num_layers = 2;
    c.hidden_size = 16;
    c.num_heads = 2;
    c.intermediate_size = 32;
    c.max_positions = 32;
    c.initializer_range = 0.3f; /* so that its guesses differ */
    eqb_model *model;
    const eqb_model_options o = {.seed = 5};
    ck_assert(eqb_model_new(&model, &c, tokenizer, &o, &err) == EQB_OK);
    ck_assert_msg(eqb_model_save(model, dir, &err) == EQB_OK, "%s", err.message);
    eqb_model_free(model);
}

const char *tiny_model(void)
{
    static char dir[160];
    if (!dir[0]) {
        strcpy(dir, temporary_dir());
        save_tiny(dir);
    }
    return dir;
}

const char *tiny_pairs(void)
{
    static char path[160];
    if (path[0]) return path;
    char text[sizeof PAIRS];
    for (size_t i = 0; i < sizeof PAIRS; i++) text[i] = PAIRS[i];
    for (char *at = text; (at = strchr(at, '\'')) != NULL;) *at = '"';
    snprintf(path, sizeof path, "%s/pairs.jsonl", temporary_dir());
    write_file(path, text, strlen(text));
    return path;
}

const char *tiny_text(void)
{
    static const char text[] =
        "The nurse said that the doctor works in the town. The teacher is old, the pilot is not.\n"
        "My wife was home with the dog. The dog is loud. He said that she works as the cook.\n\n"
        "The man is the pilot. The woman is the doctor. In the town the old man was the teacher.\n"
        "She said that my husband is loud. The cook was with the nurse. Is the dog at home?\n";
    static char path[160];
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s/text.txt", temporary_dir());
    write_file(path, text, sizeof text - 1);
    return path;
}

const char *fresh_path(void)
{
    static char path[4][160];
    static int turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/run", temporary_dir());
    return out;
}

bool exists(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

void check_same_file(const char *dir_a, const char *dir_b, const char *name)
{
    char path[4096];
    size_t size_a, size_b;
    snprintf(path, sizeof path, "%s/%s", dir_a, name);
    char *a = read_file(path, &size_a);
    snprintf(path, sizeof path, "%s/%s", dir_b, name);
    char *b = read_file(path, &size_b);
    ck_assert_msg(size_a == size_b && memcmp(a, b, size_a) == 0, "%s differs from %s", path, dir_a);
    free(a);
    free(b);
}
