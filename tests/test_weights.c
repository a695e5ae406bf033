/* The weights suite, and the tests of conversion to float; test_weights.h lists its other parts. */
#include "tests/test_weights.h"
#include "tests/testing.h"
#include "weights/convert_dtype.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All 65,536 halves, read one byte off alignment. */
START_TEST(test_halves)
{
    unsigned char raw[3];
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits;
        memcpy(raw + 1, &half, 2);
        int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
        double expected =
            exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
        if (bits & 0x8000) expected = -expected;
        float x;
        size_t finite = eqbi_convert(&x, raw + 1, EQBI_F16, 1);
        ck_assert_uint_eq(finite, exponent < 31);
        if (exponent < 31)
            ck_assert_msg((double)x == expected && !signbit(x) == !signbit(expected), "%04x", bits);
        else
            ck_assert(fraction ? isnan(x) : isinf(x) && !signbit(x) == !(bits & 0x8000));
        finite = eqbi_convert(&x, raw + 1, EQBI_BF16, 1);
        uint32_t found;
        memcpy(&found, &x, 4);
        ck_assert_uint_eq(found, bits << 16);
        ck_assert_uint_eq(finite, (bits & 0x7f80) != 0x7f80);
    }
}
END_TEST

START_TEST(test_wide_numbers)
{
    static const double in[] = {1.0 / 3, -0.0, 1e-45, DBL_MIN, FLT_MAX, 1e39, 2};
    float out[7];
    ck_assert_uint_eq(eqbi_convert(out, in, EQBI_F64, 7), 5); /* 1e39 becomes infinite */
    for (int i = 0; i < 5; i++) ck_assert(out[i] == (float)in[i]);
    enum { MANY = 100000 };
    float *from = calloc(MANY, sizeof *from), *to = malloc(MANY * sizeof *to);
    ck_assert_uint_eq(eqbi_convert(to, from, EQBI_F32, MANY), MANY);
    for (size_t i = 0; i < MANY; i += 33331) {
        from[i] = NAN;
        ck_assert_uint_eq(eqbi_convert(to, from, EQBI_F32, MANY), i);
        from[i] = 0;
    }
    ck_assert(!eqbi_convertible(EQBI_I64) && !eqbi_convertible(EQBI_F8_E4M3));
    free(from);
    free(to);
}
END_TEST

Suite *weights_suite(void)
{
    Suite *suite = suite_create("weights");
    TCase *tests = tcase_create("convert");
    tcase_add_test(tests, test_halves);
    tcase_add_test(tests, test_wide_numbers);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, weights_safetensors_tests());
    suite_add_tcase(suite, weights_json_tests());
    suite_add_tcase(suite, weights_config_tests());
    suite_add_tcase(suite, weights_tensors_tests());
    suite_add_tcase(suite, weights_directory_tests());
    return suite;
}
