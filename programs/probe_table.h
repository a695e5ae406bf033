/* Aligned rows with bars for people to read: a word, and for each model its probability in both
 * versions and the log-ratio. */
#ifndef PROBE_TABLE_H
#define PROBE_TABLE_H

#include "programs/probe.h"

typedef struct table_row {
    const char *label;
    double p[MODELS][VERSIONS]; /* NaN: shown as "-"                                  */
    double ratio[MODELS];       /* its sign says which way the bar goes               */
    const char *remark;         /* after the bars, or NULL                            */
} table_row;

typedef struct table {
    table_row *row; /* [rows] */
    int32_t rows;
    size_t capacity;
    const char *title; /* of the first column         */
    int32_t models;
    bool two;          /* versions                    */
    bool hide_p;       /* only log-ratios             */
} table;

void table_add(table *t, table_row row);
/* Prints the rows under a line of titles. Bars share one scale, so that the longest fills its
 * column; log-ratios below 1 nat stay short. */
void table_print(const table *t);
/* text on stdout, control characters as '?', in bold if asked and on a terminal. */
void table_text(const char *text, bool bold);

#endif
