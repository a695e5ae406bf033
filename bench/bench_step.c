/* equibert's own figures: a training step or an inference pass of a model with random weights.
 *
 *     bench_step work=step   [SHAPE]        MLM + NSP + pair MSE, dropout, AdamW, in one pass
 *     bench_step work=encode [SHAPE]        sentences to their last hidden states
 *     bench_step work=fill   [SHAPE]        the same, and the vocabulary logits of the masks
 *     bench_step work=save dir=D [SHAPE]    writes the model as a directory that ./probe reads
 *     bench_step work=lengths model=D       tokens of each sentence on stdin (a tab before a second
 *                                           segment), as the words lengths=... want them
 *
 * bench.h names the words of SHAPE and the protocol; bench/peer_torch.py does the same work on the
 * same batch.                                                                                    */
#include "bench/bench.h"
#include "trainer/equibert_train.h"

enum { CLS = 2, SEP = 3, MASK = 4, FIRST_WORD = 5 }; /* ids; 0 and 1 are [PAD] and [UNK] */

typedef struct bench {
    bench_shape shape;
    eqb_model *model;
    eqb_graph *graph;
    eqb_optimizer *optimizer;
    eqb_session *session;
    bool fill;
    uint64_t step;
    /* The batch; sentence 2k and 2k + 1 are a pair. */
    int rows;
    int32_t *start, *ids, *types;         /* [sentences + 1] [tokens] [tokens] */
    int32_t *row, *label, *next;          /* [rows] [rows] [sentences]         */
    eqb_pair_rows *pair, *next_pair;      /* [rows / 2] [sentences / 2]        */
    eqb_error err;
} bench;

static void *array(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    if (!p) {
        fprintf(stderr, "bench_step: no memory\n");
        exit(5);
    }
    return p;
}

static int32_t word_id(const bench_shape *s, int sentence, int place)
{
    return FIRST_WORD + (sentence * 7919 + place * 104729) % (s->vocab - FIRST_WORD);
}

/* Two segments of words between [CLS], [SEP] and [SEP]; masks stand at every third word. */
static void make_batch(bench *b)
{
    const bench_shape *s = &b->shape;
    size_t n = (size_t)s->sentences, masks = n * (size_t)s->masked;
    b->start = array(n + 1, sizeof *b->start);
    for (int i = 0; i < s->sentences; i++) b->start[i + 1] = b->start[i] + bench_length(s, i);
    size_t tokens = (size_t)b->start[n];
    b->ids = array(tokens, sizeof *b->ids);
    b->types = array(tokens, sizeof *b->types);
    b->row = array(masks, sizeof *b->row);
    b->label = array(masks, sizeof *b->label);
    b->next = array(n, sizeof *b->next);
    b->pair = array(masks / 2, sizeof *b->pair);
    b->next_pair = array(n / 2, sizeof *b->next_pair);
    for (int i = 0; i < s->sentences; i++) {
        int length = bench_length(s, i), at = b->start[i];
        for (int k = 0; k < length; k++) {
            bool ends = k == length - 1 || k == length / 2;
            b->ids[at + k] = k == 0 ? CLS : ends ? SEP : word_id(s, i, k);
            b->types[at + k] = k > length / 2;
        }
        for (int m = 0; m < s->masked; m++) {
            b->label[b->rows] = word_id(s, i / 2, m); /* the same word in both sentences */
            b->row[b->rows] = at + 1 + 3 * m;
            b->ids[b->row[b->rows++]] = MASK;
        }
        b->next[i] = i / 2 % 2;
    }
    for (int k = 0; k < s->sentences / 2; k++) {
        b->next_pair[k] = (eqb_pair_rows){.male = 2 * k, .female = 2 * k + 1, .weight = 1.0f};
        for (int m = 0; m < s->masked; m++) {
            int male = 2 * k * s->masked + m;
            b->pair[k * s->masked + m] =
                (eqb_pair_rows){.male = male, .female = male + s->masked, .weight = 1.0f};
        }
    }
}

static eqb_batch batch_of(const bench *b)
{
    return (eqb_batch){b->shape.sentences, b->start, b->ids, b->types};
}

static double failed(const bench *b)
{
    fprintf(stderr, "bench_step: %s\n", b->err.message);
    return -1.0;
}

static double train_round(void *self)
{
    bench *b = self;
    double began = bench_now();
    eqb_batch batch = batch_of(b);
    eqb_graph *g = b->graph;
    eqb_graph_begin(g, EQB_MODE_TRAIN, 1, b->step++);
    eqb_tensor *mlm, *nsp;
    eqb_bert_heads(g, b->model, &batch, b->row, b->rows, &mlm, &nsp);
    float per_row = 1.0f / (float)b->rows, per_sentence = 1.0f / (float)b->shape.sentences;
    eqb_loss_mlm(g, mlm, b->label, NULL, EQB_LABEL_CROSS_ENTROPY, per_row);
    eqb_loss_nsp(g, nsp, b->next, NULL, per_sentence);
    eqb_loss_pair(g, mlm, b->pair, b->rows / 2, EQB_PAIR_MSE, NULL, 0, 2.0f * per_row);
    eqb_loss_pair(g, nsp, b->next_pair, b->shape.sentences / 2, EQB_PAIR_MSE, NULL, 0,
                  2.0f * per_sentence);
    if (eqb_graph_backward(g, NULL, 1.0f, &b->err) != EQB_OK) return failed(b);
    if (eqb_optimizer_step(b->optimizer, 1e-5, NULL, &b->err) != EQB_OK) return failed(b);
    return bench_now() - began;
}

static double infer_round(void *self)
{
    bench *b = self;
    double began = bench_now();
    eqb_batch batch = batch_of(b);
    const float *logits;
    if (eqb_session_forward(b->session, &batch, &b->err) != EQB_OK) return failed(b);
    if (b->fill && eqb_session_mlm_logits(b->session, b->row, b->rows, &logits, &b->err) != EQB_OK)
        return failed(b);
    return bench_now() - began;
}

/* A vocabulary of this size: the special tokens, a few words for ./probe, then w11, w12, ... */
static eqb_status make_tokenizer(eqb_tokenizer **out, int size, eqb_error *err)
{
    static const char head[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhe\nshe\nworks\nas\na\n.\n";
    enum { HEAD_TOKENS = 11, LONGEST = 16 };
    char *text = array((size_t)size, LONGEST);
    size_t length = sizeof head - 1;
    memcpy(text, head, length);
    for (int i = HEAD_TOKENS; i < size; i++)
        length += (size_t)snprintf(text + length, LONGEST, "w%d\n", i);
    eqb_status status = eqb_tokenizer_new(out, text, length, NULL, err);
    free(text);
    return status;
}

static int save(char **argv, const eqb_config *config)
{
    eqb_error err = {0};
    eqb_tokenizer *tokenizer = NULL;
    eqb_model *model = NULL;
    eqb_status status = make_tokenizer(&tokenizer, config->vocab_size, &err);
    if (status == EQB_OK) status = eqb_model_new(&model, config, tokenizer, NULL, &err);
    if (status != EQB_OK)
        eqb_tokenizer_free(tokenizer);
    else
        status = eqb_model_save(model, bench_word(argv, "dir", "."), &err);
    eqb_model_free(model);
    if (status != EQB_OK) fprintf(stderr, "bench_step: %s\n", err.message);
    return (int)status;
}

static int lengths(char **argv)
{
    eqb_error err = {0};
    eqb_model *model = NULL;
    eqb_encoding e = {0};
    char line[1 << 12];
    eqb_status status = eqb_model_load(&model, bench_word(argv, "model", "weights/mini"), NULL, &err);
    for (int i = 0; status == EQB_OK && fgets(line, sizeof line, stdin); i++) {
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t'), *next = tab ? tab + 1 : NULL;
        if (tab) *tab = '\0';
        status = eqb_encode(eqb_model_tokenizer(model), line, strlen(line), next,
                            next ? strlen(next) : 0, 128, &e, &err);
        if (status == EQB_OK) printf("%s%d", i > 0 ? "," : "", e.count);
    }
    printf("\n");
    if (status != EQB_OK) fprintf(stderr, "bench_step: %s\n", err.message);
    eqb_encoding_free(&e);
    eqb_model_free(model);
    return (int)status;
}

static int run(bench *b, char **argv, const char *work, const eqb_config *config)
{
    if (eqb_model_new(&b->model, config, NULL, NULL, &b->err) != EQB_OK) return -1;
    if (strcmp(work, "step") != 0) {
        if (eqb_session_new(&b->session, b->model, NULL, &b->err) != EQB_OK) return -1;
        b->fill = strcmp(work, "fill") == 0;
        return bench_serve(argv, infer_round, b);
    }
    eqb_optimizer_options options;
    eqb_optimizer_options_default(&options);
    if (eqb_graph_new(&b->graph, NULL, &b->err) != EQB_OK ||
        eqb_optimizer_new(&b->optimizer, b->model, &options, &b->err) != EQB_OK)
        return -1;
    return bench_serve(argv, train_round, b);
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *work = bench_word(argv, "work", "step");
    if (strcmp(work, "lengths") == 0) return lengths(argv);
    bench b = {.shape = bench_shape_of(argv)};
    bench_shape *s = &b.shape;
    eqb_config config;
    eqb_config_default(&config);
    config.num_layers = s->layers;
    config.hidden_size = s->hidden;
    config.num_heads = s->heads;
    config.intermediate_size = s->feed_forward;
    config.vocab_size = s->vocab;
    if (strcmp(work, "save") == 0) return save(argv, &config);
    make_batch(&b);
    int code = run(&b, argv, work, &config);
    if (code < 0) failed(&b);
    eqb_session_free(b.session);
    eqb_optimizer_free(b.optimizer);
    eqb_graph_free(b.graph);
    eqb_model_free(b.model);
    void *const arrays[] = {b.start, b.ids, b.types, b.row, b.label, b.next, b.pair, b.next_pair};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
    return code < 0 ? 1 : code;
}
