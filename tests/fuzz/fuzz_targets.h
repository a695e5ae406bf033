/* What is fuzzed: one function for each reader of foreign bytes. libFuzzer calls them with inputs of
 * its making (make fuzz), the tests with those that were kept (tests/fuzz/corpus).               */
#ifndef FUZZ_TARGETS_H
#define FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ(name) void fuzz_##name(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz_targets.def"
#undef FUZZ

#endif
