/* Work on one row, shared by the ops, the losses and the sessions. */
#ifndef EQBI_SOFTMAX_H
#define EQBI_SOFTMAX_H

#include <stdbool.h>
#include <stdint.h>

/* y = softmax(x), or log softmax(x), of n floats; y may be x. Returns log(sum(e^x)). */
double eqbi_softmax_row(float *y, const float *x, int32_t n, bool take_log);
/* to = beta to + scale from, n floats; beta is 0 or 1. */
void eqbi_add_scaled(float *to, float beta, const float *from, int32_t n, float scale);

#endif
