/* The tokenizer on text, line by line, in one thread: ids and the places they come from.
 *
 *     bench_tokenizer text=FILE [vocab=FILE]
 *
 * bench.h has the protocol; bench/peer_tokenizers.py does the same work.                          */
#include "bench/bench.h"
#include "engine/equibert.h"

typedef struct bench {
    eqb_tokenizer *tokenizer;
    eqb_encoding encoding;
    char *text;
    size_t length;
    eqb_error err;
} bench;

static char *read_file(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    long size = -1;
    if (f && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0) {
        rewind(f);
        text = malloc((size_t)size + 1);
    }
    *length = text ? fread(text, 1, (size_t)size, f) : 0;
    if (f) fclose(f);
    if (text && *length == (size_t)size) return text;
    fprintf(stderr, "bench_tokenizer: cannot read %s\n", path);
    exit(4);
}

static double tokenize(void *self)
{
    bench *b = self;
    double began = bench_now();
    for (size_t at = 0, end; at < b->length; at = end + 1) {
        const char *newline = memchr(b->text + at, '\n', b->length - at);
        end = newline ? (size_t)(newline - b->text) : b->length;
        if (eqb_tokenize(b->tokenizer, b->text + at, end - at, &b->encoding, &b->err) != EQB_OK) {
            fprintf(stderr, "bench_tokenizer: %s\n", b->err.message);
            return -1.0;
        }
    }
    return bench_now() - began;
}

int main(int argc, char **argv)
{
    (void)argc;
    bench b = {0};
    size_t size;
    char *vocab = read_file(bench_word(argv, "vocab", "weights/mini/vocab.txt"), &size);
    b.text = read_file(bench_word(argv, "text", "README.md"), &b.length);
    int code = 3;
    if (eqb_tokenizer_new(&b.tokenizer, vocab, size, NULL, &b.err) == EQB_OK)
        code = bench_serve(argv, tokenize, &b);
    else
        fprintf(stderr, "bench_tokenizer: %s\n", b.err.message);
    eqb_encoding_free(&b.encoding);
    eqb_tokenizer_free(b.tokenizer);
    free(b.text);
    free(vocab);
    return code;
}
