/* An output directory and its checkpoints.
 *
 * checkpoint-<step>/ is a Hugging Face directory plus state.safetensors (AdamW's moments, the step)
 * and trainer_state.json. It is made under another name, synced, and renamed: it exists whole or not
 * at all. A lock on <output>/.lock keeps a second run out.                                        */
#ifndef EQBI_CHECKPOINT_H
#define EQBI_CHECKPOINT_H

#include "trainer/adamw.h"
#include "weights/json_write.h"

typedef struct eqbi_run_dir {
    char path[4096];
    int lock;    /* descriptor of the lock file, -1: none    */
    int metrics; /* descriptor of metrics.jsonl, -1: none    */
} eqbi_run_dir;

/* Makes and locks the directory. With restart, what an earlier run left unfinished is removed; else
 * that is refused unless resume.   errors  IO, DATA (locked by another run, unfinished run there)  */
eqb_status eqbi_run_dir_open(eqbi_run_dir *dir, const char *path, bool resume, bool restart,
                             eqb_error *err);
void eqbi_run_dir_close(eqbi_run_dir *dir);

/* settings: lines "key=value\n" of everything that decides the course of the run. */
eqb_status eqbi_checkpoint_save(const eqbi_run_dir *dir, const eqb_model *model,
                                const eqb_optimizer *optimizer, int64_t steps,
                                const eqbi_text *settings, int32_t keep, eqb_error *err);
/* Puts the newest whole checkpoint into model and optimizer. A damaged one is passed over, with a
 * note.   errors  DATA (none there, or made with other settings: which), IO, NOMEM                */
eqb_status eqbi_checkpoint_resume(eqbi_run_dir *dir, eqb_model *model, eqb_optimizer *optimizer,
                                  const eqbi_text *settings,
                                  void (*on_note)(void *user, const char *line), void *user,
                                  eqb_error *err);
/* Says that the run is finished: the directory may be used again. */
eqb_status eqbi_run_dir_finish(const eqbi_run_dir *dir, int64_t steps, eqb_error *err);

/* Opens metrics.jsonl without the lines of steps after step. */
eqb_status eqbi_metrics_open(eqbi_run_dir *dir, int64_t step, eqb_error *err);
eqb_status eqbi_metrics_write(const eqbi_run_dir *dir, const eqbi_text *line, eqb_error *err);

#endif
