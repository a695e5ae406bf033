/* The optimizer's state, for checkpoints. */
#ifndef EQBI_ADAMW_H
#define EQBI_ADAMW_H

#include "engine/model.h"

struct eqb_optimizer {
    eqb_model *model;
    eqb_optimizer_options options; /* freeze is NULL here */
    float *m, *v;                  /* the model's block layout [model->size] */
    bool *frozen;                  /* [model->entries] */
    int64_t step;                  /* updates done */
    double *partial;               /* scratch of the norm */
};

#endif
