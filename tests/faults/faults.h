/* The fault suite: what can go wrong outside the library does, at every place where it can.
 *
 * make test takes a sample; EQUIBERT_FAULTS=all (make faults) takes everything and prints the table
 * that stands in tests/README.md.                                                                */
#ifndef FAULTS_H
#define FAULTS_H

#include "tests/testing.h"

/* Whether everything is asked for, and the step from one case to the next: 1, or else so many. */
bool every_fault(void);
size_t fault_step(size_t sampled);

/* A fresh directory in memory where there is one: files and fsync cost little. Static, 4 turns. */
const char *memory_dir(void);
/* Copies the plain files of a directory, and of the directories in it. */
void copy_dir(const char *to, const char *from);
/* Removes everything in a directory. */
void empty_dir(const char *path);
size_t open_descriptors(void);

/* A line of the table: so many cases, of which so many ended in an error, the others in success. */
void fault_row(const char *what, size_t cases, size_t errors);
/* A failed call says why in one line. */
void check_message(eqb_status status, const eqb_error *err);

/* ------------------------------------------------------------------------------- a small run -- */

enum { RUN_STEPS = 4 }; /* a checkpoint after each */

typedef enum run_mode { RUN_START, RUN_RESUME } run_mode;
/* Loads the tiny model and its pairs and trains into out; what is there of an earlier run is
 * discarded or resumed. */
eqb_status run_training(const char *out, run_mode mode, eqb_error *err);
/* The same, stopped after so many steps. */
eqb_status run_stopped(const char *out, int64_t after, eqb_error *err);
/* Whatever happened to the run in out: each checkpoint there is one of the undisturbed run. */
void check_checkpoints(const char *out);
/* It can be brought to its end, from its newest checkpoint if it has one, and the model is that of
 * the undisturbed run to the bit; nothing half made is left. */
void check_goes_on(const char *out);
/* The model in out is that of the undisturbed run. */
void check_finished(const char *out);

TCase *fault_bytes_case(void);
TCase *fault_calls_case(void);
TCase *fault_runs_case(void);

#endif
