/* The parts of the math suite. */
#ifndef MATH_TESTING_H
#define MATH_TESTING_H

#include "tests/testing.h"

TCase *arena_tests(void);
TCase *gemm_tests(void);
TCase *random_tests(void);

#endif
