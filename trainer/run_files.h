/* The names in an output directory, shared by run_dir.c and checkpoint.c. */
#ifndef EQBI_RUN_FILES_H
#define EQBI_RUN_FILES_H

#include "base/file.h"

/* N of "checkpoint-N", or -1. */
int64_t eqbi_checkpoint_step(const char *name);
/* Removes a directory of plain files; one that is not there is fine. */
eqb_status eqbi_remove_dir(const char *path, eqb_error *err);
/* Calls f for the step of each checkpoint in output until one fails. */
eqb_status eqbi_each_checkpoint(const char *output, eqb_status (*f)(void *, int64_t, eqb_error *),
                                void *user, eqb_error *err);

#endif
