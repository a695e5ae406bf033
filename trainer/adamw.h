/* The optimizer's state, for checkpoints. */
#ifndef EQBI_ADAMW_H
#define EQBI_ADAMW_H

#include "engine/model.h"

/* A stretch of parameters that is updated at a time. */
typedef struct adamw_part {
    size_t at;
    int32_t count;
    bool decay;
} adamw_part;

struct eqb_optimizer {
    eqb_model *model;
    eqb_optimizer_options options; /* freeze is NULL here */
    float *m, *v;                  /* the model's block layout [model->size] */
    bool *frozen;                  /* [model->entries] */
    int64_t step;                  /* updates done */
    adamw_part *part;              /* [parts] all that is not frozen */
    double *partial;               /* [parts] scratch of the norm    */
    size_t parts, part_room;
};

#endif
