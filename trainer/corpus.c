/* Reading plain text: one paragraph a line, a blank line between documents. Paragraphs are cut into
 * sentences, because next-sentence prediction is about sentences. See corpus.h.                   */
#include "trainer/corpus.h"
#include "autograd/random.h"
#include "trainer/lines.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_BLOCK = 1 << 10, HELDOUT_SEED = 1810 };

static eqb_status no_memory(eqb_error *err)
{
    return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the tokens of a corpus");
}

static eqb_status window_clear(eqbi_window *w, eqb_error *err)
{
    w->tokens = w->sentences = w->documents = 0;
    if (!eqbi_grow(w->allocator, (void **)&w->sentence, &w->sentence_capacity, 1,
                   sizeof *w->sentence) ||
        !eqbi_grow(w->allocator, (void **)&w->document, &w->document_capacity, 1,
                   sizeof *w->document))
        return no_memory(err);
    w->sentence[0] = w->document[0] = 0;
    return EQB_OK;
}

/* Ends the document that is being read, if it has sentences. */
static eqb_status end_document(eqbi_window *w, int32_t file, eqb_error *err)
{
    if (w->sentences == w->document[w->documents]) return EQB_OK;
    if (!eqbi_grow(w->allocator, (void **)&w->document, &w->document_capacity, w->documents + 2,
                   sizeof *w->document) ||
        !eqbi_grow(w->allocator, (void **)&w->file, &w->file_capacity, w->documents + 1,
                   sizeof *w->file))
        return no_memory(err);
    w->file[w->documents] = file;
    w->document[++w->documents] = w->sentences;
    return EQB_OK;
}

static eqb_status add_sentence(eqbi_window *w, const int32_t *ids, size_t n, eqb_error *err)
{
    if (n == 0) return EQB_OK;
    if (!eqbi_grow(w->allocator, (void **)&w->token, &w->token_capacity, w->tokens + n,
                   sizeof *w->token) ||
        !eqbi_grow(w->allocator, (void **)&w->sentence, &w->sentence_capacity, w->sentences + 2,
                   sizeof *w->sentence))
        return no_memory(err);
    memcpy(w->token + w->tokens, ids, n * sizeof *ids);
    w->tokens += n;
    w->sentence[++w->sentences] = w->tokens;
    return EQB_OK;
}

typedef struct reader {
    const eqb_corpus *corpus;
    eqbi_window *window;
    eqbi_lines lines;
    eqb_encoding encoding; /* of one sentence, reused */
    int32_t file;
    int64_t document; /* number of the one being read */
} reader;

static eqb_status read_line(reader *r, const char *line, size_t length, eqb_error *err)
{
    while (length > 0) {
        size_t n = eqbi_first_sentence(line, length);
        EQBI_TRY(eqb_tokenize(r->corpus->tokenizer, line, n, &r->encoding, err));
        EQBI_TRY(add_sentence(r->window, r->encoding.ids, (size_t)r->encoding.count, err));
        while (n < length && line[n] == ' ') n++;
        line += n;
        length -= n;
    }
    return EQB_OK;
}

/* Whether document number belongs to this corpus: the held-out part or the rest. */
static bool is_ours(const eqb_corpus *c, int64_t number)
{
    bool out = eqbi_random_real(HELDOUT_SEED, 0, (uint64_t)number) < c->options.heldout;
    return out == c->options.heldout_part;
}

/* Adds the documents of the block that begins where the lines are. It ends with the first document
 * that ends behind block_bytes, or with the file; a document that goes on for as long again is cut,
 * so that one without an end needs no more memory. *end: there is nothing behind the block.       */
static eqb_status read_block(reader *r, bool *end, eqb_error *err)
{
    uint64_t begin = r->lines.offset;
    bool inside = false, ours = is_ours(r->corpus, r->document);
    *end = false;
    for (;;) {
        const char *line;
        size_t length;
        EQBI_TRY(eqbi_lines_next(&r->lines, &line, &length, err));
        uint64_t bytes = r->lines.offset - begin;
        *end = !line;
        if (line && !eqbi_is_blank(line, length)) {
            inside = true;
            if (ours) EQBI_TRY(read_line(r, line, length, err));
            if (bytes < 2 * r->corpus->block_bytes) continue;
        }
        if (inside) {
            EQBI_TRY(end_document(r->window, r->file, err));
            ours = is_ours(r->corpus, ++r->document);
            inside = false;
        }
        if (*end || bytes >= r->corpus->block_bytes) return EQB_OK;
    }
}

static void reader_free(reader *r)
{
    eqbi_lines_close(&r->lines);
    eqb_encoding_free(&r->encoding);
}

/* -------------------------------------------------------------------------------- the corpus -- */

/* Counts what a block that was read alone has, and keeps where it is. */
static eqb_status add_block(eqb_corpus *c, const eqbi_window *w, eqbi_block block, eqb_error *err)
{
    if (w->documents == 0) return EQB_OK;
    if (!eqbi_grow(c->allocator, (void **)&c->block, &c->block_capacity, c->blocks + 1,
                   sizeof *c->block))
        return no_memory(err);
    for (size_t i = 0; i < w->tokens; i++) {
        c->frequency[w->token[i]]++;
        c->hash = (c->hash ^ (uint64_t)(uint32_t)w->token[i]) * 0x100000001b3u;
    }
    c->tokens += (int64_t)w->tokens;
    c->sentences += (int64_t)w->sentences;
    c->documents += (int64_t)w->documents;
    block.tokens = (uint32_t)w->tokens;
    c->block[c->blocks++] = block;
    return EQB_OK;
}

/* Reads all text once. */
static eqb_status scan(eqb_corpus *c, eqb_error *err)
{
    eqbi_window w = {.allocator = c->allocator};
    reader r = {.corpus = c, .window = &w, .lines = {.fd = -1, .allocator = c->allocator}};
    eqb_status status = EQB_OK;
    for (r.file = 0; status == EQB_OK && r.file < c->paths; r.file++) {
        status = eqbi_lines_open(&r.lines, c->path[r.file], 0, err);
        for (bool end = false; status == EQB_OK && !end;) {
            eqbi_block block = {r.lines.offset, r.document, r.file, 0};
            status = window_clear(&w, err);
            if (status == EQB_OK) status = read_block(&r, &end, err);
            if (status == EQB_OK) status = add_block(c, &w, block, err);
        }
    }
    reader_free(&r);
    eqbi_window_free(&w);
    return status;
}

static eqb_status corpus_init(eqb_corpus *c, const char *const *paths, int32_t count,
                              eqb_error *err)
{
    size_t bytes = (size_t)c->options.window / EQBI_WINDOW_BLOCKS, vocab;
    c->block_bytes = bytes > LEAST_BLOCK ? bytes : LEAST_BLOCK;
    c->vocab_size = eqb_tokenizer_size(c->tokenizer);
    c->special = eqb_tokenizer_special(c->tokenizer);
    c->hash = 0xcbf29ce484222325u;
    vocab = (size_t)c->vocab_size;
    c->continues = eqbi_calloc(c->allocator, vocab, sizeof *c->continues);
    c->frequency = eqbi_calloc(c->allocator, vocab, sizeof *c->frequency);
    c->path = eqbi_calloc(c->allocator, (size_t)count, sizeof *c->path);
    if (!c->continues || !c->frequency || !c->path) return no_memory(err);
    for (; c->paths < count; c->paths++) {
        const char *path = paths[c->paths];
        c->path[c->paths] = eqbi_strndup(c->allocator, path, strlen(path));
        if (!c->path[c->paths]) return no_memory(err);
    }
    for (int32_t i = 0; i < c->vocab_size; i++)
        c->continues[i] = strncmp(eqb_tokenizer_token(c->tokenizer, i), "##", 2) == 0;
    return EQB_OK;
}

eqb_status eqb_corpus_load(eqb_corpus **out, const char *const *paths, int32_t count,
                           const eqb_tokenizer *tokenizer, const eqb_corpus_options *options,
                           eqb_error *err)
{
    *out = NULL;
    if (!tokenizer)
        return eqbi_fail(err, EQB_ERR_ARGUMENT,
                         "there is no tokenizer (a model without a vocabulary?)");
    eqb_corpus_options o;
    eqb_corpus_options_default(&o);
    if (options) o = *options;
    if (count < 0 || o.window < 1 || !(o.heldout >= 0.0 && o.heldout < 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "corpus: %d files, window %lld, heldout %g", count,
                         (long long)o.window, o.heldout);
    eqb_corpus *c = eqbi_calloc(o.allocator, 1, sizeof *c);
    if (!c) return no_memory(err);
    c->allocator = o.allocator;
    c->options = o;
    c->tokenizer = tokenizer;
    eqb_status status = corpus_init(c, paths, count, err);
    if (status == EQB_OK) status = scan(c, err);
    if (status == EQB_OK && !o.heldout_part && (c->documents < 2 || c->sentences < 3))
        status = eqbi_fail(err, EQB_ERR_DATA,
                           "%s%s: found %lld documents and %lld sentences, next-sentence pairs need "
                           "two documents (a blank line ends one)",
                           count > 0 ? paths[0] : "no files", count > 1 ? " ..." : "",
                           (long long)c->documents, (long long)c->sentences);
    if (status != EQB_OK)
        eqb_corpus_free(c);
    else
        *out = c;
    return status;
}

void eqb_corpus_options_default(eqb_corpus_options *o)
{
    *o = (eqb_corpus_options){.window = 16 << 20};
}

void eqb_corpus_free(eqb_corpus *c)
{
    if (!c) return;
    size_t vocab = (size_t)c->vocab_size;
    for (int32_t i = 0; i < c->paths; i++)
        eqbi_free(c->allocator, c->path[i], strlen(c->path[i]) + 1, 1);
    eqbi_free(c->allocator, c->path, (size_t)c->paths, sizeof *c->path);
    eqbi_free(c->allocator, c->block, c->block_capacity, sizeof *c->block);
    eqbi_free(c->allocator, c->frequency, vocab, sizeof *c->frequency);
    eqbi_free(c->allocator, c->continues, vocab, sizeof *c->continues);
    eqbi_free(c->allocator, c, 1, sizeof *c);
}

int64_t eqb_corpus_tokens(const eqb_corpus *c)
{
    return c->tokens;
}

int64_t eqb_corpus_documents(const eqb_corpus *c)
{
    return c->documents;
}

/* -------------------------------------------------------------------------------- the windows -- */

size_t eqbi_corpus_windows(const eqb_corpus *c)
{
    return (c->blocks + EQBI_WINDOW_BLOCKS - 1) / EQBI_WINDOW_BLOCKS;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static eqb_status load_block(reader *r, const eqbi_block *block, eqb_error *err)
{
    size_t before = r->window->tokens;
    bool end;
    r->file = block->file;
    r->document = block->document;
    EQBI_TRY(eqbi_lines_open(&r->lines, r->corpus->path[block->file], block->offset, err));
    EQBI_TRY(read_block(r, &end, err));
    if (r->window->tokens - before != block->tokens)
        return eqbi_fail(err, EQB_ERR_DATA,
                         "%s: has changed since it was read first: %zu tokens at byte %llu, expected "
                         "%u",
                         r->corpus->path[block->file], r->window->tokens - before,
                         (unsigned long long)block->offset, block->tokens);
    return EQB_OK;
}

eqb_status eqbi_window_load(eqbi_window *w, const eqb_corpus *c, uint64_t seed, uint64_t number,
                            size_t index, eqb_error *err)
{
    size_t windows = eqbi_corpus_windows(c);
    size_t from = index * c->blocks / windows, to = (index + 1) * c->blocks / windows;
    if (c->blocks > UINT32_MAX) return eqbi_fail(err, EQB_ERR_ARGUMENT, "text of too many blocks");
    uint32_t *order = eqbi_alloc(c->allocator, c->blocks, sizeof *order);
    if (!order) return no_memory(err);
    eqbi_random_permutation(order, (uint32_t)c->blocks, seed, eqbi_mix64(~number));
    qsort(order + from, to - from, sizeof *order, by_number);
    reader r = {.corpus = c, .window = w, .lines = {.fd = -1, .allocator = c->allocator}};
    eqb_status status = window_clear(w, err);
    for (size_t i = from; status == EQB_OK && i < to; i++)
        status = load_block(&r, &c->block[order[i]], err);
    reader_free(&r);
    eqbi_free(c->allocator, order, c->blocks, sizeof *order);
    return status;
}

void eqbi_window_free(eqbi_window *w)
{
    eqbi_free(w->allocator, w->token, w->token_capacity, sizeof *w->token);
    eqbi_free(w->allocator, w->sentence, w->sentence_capacity, sizeof *w->sentence);
    eqbi_free(w->allocator, w->document, w->document_capacity, sizeof *w->document);
    eqbi_free(w->allocator, w->file, w->file_capacity, sizeof *w->file);
    *w = (eqbi_window){.allocator = w->allocator};
}
