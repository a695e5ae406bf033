/* The parts of the weights suite that stand in files of their own. */
#ifndef TEST_WEIGHTS_H
#define TEST_WEIGHTS_H

#include <check.h>

TCase *weights_safetensors_tests(void);
TCase *weights_json_tests(void);
TCase *weights_config_tests(void);
TCase *weights_tensors_tests(void);
TCase *weights_directory_tests(void);

#endif
