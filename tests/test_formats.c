/* The formats suite: every way in which weights are found, and every way in which they are broken;
 * formats_testing.h lists its parts.                                                             */
#include "tests/formats_testing.h"

Suite *formats_suite(void)
{
    Suite *suite = suite_create("formats");
    suite_add_tcase(suite, formats_pickle_tests());
    suite_add_tcase(suite, formats_zip_tests());
    suite_add_tcase(suite, formats_tf_tests());
    suite_add_tcase(suite, formats_directory_tests());
    suite_add_tcase(suite, formats_convert_tests());
    suite_add_tcase(suite, formats_added_tests());
    suite_add_tcase(suite, formats_pairs_tests());
    suite_add_tcase(suite, formats_corpus_tests());
    return suite;
}
