/* What the tests of BERT's properties share: a small model, a batch, a step, an inference. */
#ifndef PROPERTIES_TESTING_H
#define PROPERTIES_TESTING_H

#include "tests/testing.h"

#include "engine/model.h"
#include "trainer/equibert_train.h"

enum { V = 50, H = 24, LAYERS = 2, P = 40, T = 2, TOKENS = 47, SEQUENCES = 4, MASKED = 6 };

extern const eqb_config small_config;
extern const int32_t starts[SEQUENCES + 1]; /* lengths 7, 1, 35, 4 */
extern int32_t ids[TOKENS], types[TOKENS];
extern const eqb_batch small_batch; /* of the three above                      */
extern eqb_model *model;            /* made anew for each test, with gradients */

/* A test case in which each test finds these as new. */
TCase *properties_case(const char *name);
eqb_session *new_session(const eqb_model *of, bool keep_hidden);
graph *new_graph(const eqb_allocator *allocator);

/* Everything a session says about a batch. */
typedef struct answers {
    float hidden[TOKENS * H], pooled[SEQUENCES * H], mean[SEQUENCES * H], nsp[SEQUENCES * 2];
    float mlm[TOKENS * V];
} answers;
eqb_status ask(eqb_session *s, const eqb_batch *b, answers *a);
void check_near(const char *what, const float *a, const float *b, int32_t n);

static inline size_t gradient_bytes(void)
{
    return model->size * sizeof(float);
}
/* Forward and backward of the MLM, the NSP and the pair loss, each times factor. */
eqb_status step_of(graph *g, eqb_mode mode, uint64_t seed, uint64_t step, float factor);

TCase *session_tests(void);
TCase *step_tests(void);
TCase *memory_tests(void);
TCase *model_tests(void);

#endif
