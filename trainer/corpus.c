/* Reading plain text: one paragraph a line, a blank line between documents. Paragraphs are cut into
 * sentences, because next-sentence prediction is about sentences.                                 */
#include "trainer/corpus.h"
#include "base/file.h"
#include "tokenizer/vocab_learner.h"

#include <string.h>

/* Calls f for every line of a file, without its line end. */
static eqb_status each_line(const char *path,
                            eqb_status (*f)(void *, const char *, size_t, eqb_error *), void *user,
                            eqb_error *err)
{
    eqbi_mapping file;
    EQBI_TRY(eqbi_map(&file, path, err));
    eqb_status status = EQB_OK;
    const char *at = (const char *)file.data, *end = file.size ? at + file.size : at;
    while (status == EQB_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        size_t next = length + (newline ? 1 : 0);
        if (length > 0 && at[length - 1] == '\r') length--;
        status = f(user, at, length, err);
        at += next;
    }
    eqbi_unmap(&file);
    return status;
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

/* Whether the word before the full stop at text[dot] is one that stands before names, or an initial:
 * then the stop does not end a sentence.                                                          */
static bool is_abbreviation(const char *text, size_t dot)
{
    static const char *const known[] = {"Mr", "Mrs", "Ms", "Dr",  "St", "Prof", "Rev",
                                        "Sr", "Jr",  "vs", "etc", "No", "Capt", "Col"};
    size_t from = dot;
    while (from > 0 && text[from - 1] != ' ' && text[from - 1] != '"' && text[from - 1] != '(')
        from--;
    size_t length = dot - from;
    if (length == 1) return text[from] >= 'A' && text[from] <= 'Z';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == length && memcmp(known[i], text + from, length) == 0) return true;
    return false;
}

/* Length of the first sentence of text: up to and including . ! or ? with closing quotes, before a
 * space and something that can begin a sentence (no small letter).                                */
static size_t first_sentence(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
        if (text[i] == '.' && is_abbreviation(text, i)) continue;
        size_t end = i + 1;
        while (end < length && strchr(".!?\"')", text[end]) && text[end]) end++;
        if (end + 1 < length && text[end] == ' ' &&
            !(text[end + 1] >= 'a' && text[end + 1] <= 'z'))
            return end;
        i = end - 1;
    }
    return length;
}

/* ------------------------------------------------------------------------------ the vocabulary -- */

static eqb_status learn_line(void *user, const char *line, size_t length, eqb_error *err)
{
    return eqbi_vocab_learner_add_text(user, line, length, err);
}

eqb_status eqb_tokenizer_learn(eqb_tokenizer **out, const char *const *paths, int32_t count,
                               int32_t size, const eqb_tokenizer_options *options, eqb_error *err)
{
    *out = NULL;
    eqbi_vocab_learner *learner;
    EQBI_TRY(eqbi_vocab_learner_new(&learner, options, err));
    eqb_status status = EQB_OK;
    for (int32_t i = 0; status == EQB_OK && i < count; i++)
        status = each_line(paths[i], learn_line, learner, err);
    char *vocab = NULL;
    size_t length = 0;
    if (status == EQB_OK)
        status = eqbi_vocab_learner_finish(learner, size, &vocab, &length, err);
    if (status == EQB_OK) status = eqb_tokenizer_new(out, vocab, length, options, err);
    eqbi_free(options ? options->allocator : NULL, vocab, length + 1, 1);
    eqbi_vocab_learner_free(learner);
    return status;
}

/* ---------------------------------------------------------------------------------- the corpus -- */

typedef struct reader {
    eqb_corpus *corpus;
    const eqb_tokenizer *tokenizer;
    eqb_encoding encoding; /* of one sentence, reused */
} reader;

static eqb_status no_memory(eqb_error *err)
{
    return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the tokens of a corpus");
}

/* Ends the document that is being read, if it has sentences. */
static eqb_status end_document(eqb_corpus *c, eqb_error *err)
{
    if (c->sentences == c->document[c->documents]) return EQB_OK;
    if (!eqbi_grow(c->allocator, (void **)&c->document, &c->document_capacity, c->documents + 2,
                   sizeof *c->document))
        return no_memory(err);
    c->document[++c->documents] = c->sentences;
    return EQB_OK;
}

static eqb_status add_sentence(reader *r, const char *text, size_t length, eqb_error *err)
{
    eqb_corpus *c = r->corpus;
    EQBI_TRY(eqb_tokenize(r->tokenizer, text, length, &r->encoding, err));
    size_t n = (size_t)r->encoding.count;
    if (n == 0) return EQB_OK;
    if (!eqbi_grow(c->allocator, (void **)&c->token, &c->token_capacity, c->tokens + n,
                   sizeof *c->token) ||
        !eqbi_grow(c->allocator, (void **)&c->sentence, &c->sentence_capacity, c->sentences + 2,
                   sizeof *c->sentence))
        return no_memory(err);
    memcpy(c->token + c->tokens, r->encoding.ids, n * sizeof *c->token);
    for (size_t i = 0; i < n; i++)
        c->hash = (c->hash ^ (uint64_t)(uint32_t)r->encoding.ids[i]) * 0x100000001b3u;
    c->tokens += n;
    c->sentence[++c->sentences] = c->tokens;
    return EQB_OK;
}

static eqb_status read_line(void *user, const char *line, size_t length, eqb_error *err)
{
    reader *r = user;
    if (is_blank(line, length)) return end_document(r->corpus, err);
    while (length > 0) {
        size_t n = first_sentence(line, length);
        EQBI_TRY(add_sentence(r, line, n, err));
        while (n < length && line[n] == ' ') n++;
        line += n;
        length -= n;
    }
    return EQB_OK;
}

static eqb_status corpus_init(eqb_corpus *c, const eqb_tokenizer *t, eqb_error *err)
{
    c->vocab_size = eqb_tokenizer_size(t);
    c->special = eqb_tokenizer_special(t);
    c->hash = 0xcbf29ce484222325u;
    c->continues = eqbi_calloc(c->allocator, (size_t)c->vocab_size, sizeof *c->continues);
    if (!c->continues ||
        !eqbi_grow(c->allocator, (void **)&c->sentence, &c->sentence_capacity, 1,
                   sizeof *c->sentence) ||
        !eqbi_grow(c->allocator, (void **)&c->document, &c->document_capacity, 1,
                   sizeof *c->document))
        return no_memory(err);
    c->sentence[0] = c->document[0] = 0;
    for (int32_t i = 0; i < c->vocab_size; i++)
        c->continues[i] = strncmp(eqb_tokenizer_token(t, i), "##", 2) == 0;
    return EQB_OK;
}

eqb_status eqb_corpus_load(eqb_corpus **out, const char *const *paths, int32_t count,
                           const eqb_tokenizer *tokenizer, const eqb_allocator *allocator,
                           eqb_error *err)
{
    *out = NULL;
    if (!tokenizer)
        return eqbi_fail(err, EQB_ERR_ARGUMENT,
                         "there is no tokenizer (a model without a vocabulary?)");
    eqb_corpus *c = eqbi_calloc(allocator, 1, sizeof *c);
    if (!c) return no_memory(err);
    c->allocator = allocator;
    reader r = {.corpus = c, .tokenizer = tokenizer};
    eqb_status status = corpus_init(c, tokenizer, err);
    for (int32_t i = 0; status == EQB_OK && i < count; i++) {
        status = each_line(paths[i], read_line, &r, err);
        if (status == EQB_OK) status = end_document(c, err);
    }
    eqb_encoding_free(&r.encoding);
    if (status == EQB_OK && (c->documents < 2 || c->sentences < 3))
        status = eqbi_fail(err, EQB_ERR_DATA,
                           "%s%s: found %zu documents and %zu sentences, next-sentence pairs need "
                           "two documents (a blank line ends one)",
                           count > 0 ? paths[0] : "no files", count > 1 ? " ..." : "",
                           c->documents, c->sentences);
    if (status != EQB_OK)
        eqb_corpus_free(c);
    else
        *out = c;
    return status;
}

void eqb_corpus_free(eqb_corpus *c)
{
    if (!c) return;
    eqbi_free(c->allocator, c->token, c->token_capacity, sizeof *c->token);
    eqbi_free(c->allocator, c->sentence, c->sentence_capacity, sizeof *c->sentence);
    eqbi_free(c->allocator, c->document, c->document_capacity, sizeof *c->document);
    eqbi_free(c->allocator, c->continues, (size_t)c->vocab_size, sizeof *c->continues);
    eqbi_free(c->allocator, c, 1, sizeof *c);
}

int64_t eqb_corpus_tokens(const eqb_corpus *c)
{
    return (int64_t)c->tokens;
}

int64_t eqb_corpus_documents(const eqb_corpus *c)
{
    return (int64_t)c->documents;
}
