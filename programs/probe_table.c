/* Aligned rows with bars; see probe_table.h. */
#include "programs/probe_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char BAR[] = "\xe2\x96\x88", AXIS[] = "\xe2\x94\x82"; /* U+2588 block, U+2502 line */
enum { P_WIDTH = 10, RATIO_WIDTH = 11, CHANGE_WIDTH = 10 };

void table_add(table *t, table_row row)
{
    t->row = probe_grow(t->row, (size_t)t->rows + 1, &t->capacity, sizeof *t->row);
    t->row[t->rows++] = row;
}

void table_text(const char *text, bool bold)
{
    bold = bold && cli_colour();
    if (bold) fputs("\033[1m", stdout);
    for (; *text; text++) putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    if (bold) fputs("\033[0m", stdout);
}

static int width_of(const char *text)
{
    size_t length = strlen(text);
    return (int)eqb_character_offset(text, length, length);
}

static void repeat(const char *text, int times)
{
    for (; times > 0; times--) fputs(text, stdout);
}

static void print_label(const char *text, int width, bool bold)
{
    table_text(text, bold);
    repeat(" ", width - width_of(text));
}

static void print_p(double p)
{
    if (isnan(p))
        printf("%*s", P_WIDTH, "-");
    else if (p >= 0.001)
        printf("%*.4f", P_WIDTH, p);
    else
        printf("%*.1e", P_WIDTH, p);
}

/* -------------------------------------------------------------------------------------- bars -- */

static void paint(const char *colour)
{
    if (cli_colour()) fputs(colour, stdout);
}

/* From a middle line to the right if x > 0, to the left if x < 0; scale fills one half. more: the
 * line goes on. */
static void print_balance(double x, double scale, int half, bool more)
{
    int cells = isfinite(x) ? (int)lround(fabs(x) / scale * half) : 0;
    int left = x < 0 ? cells : 0, right = x > 0 ? cells : 0;
    repeat(" ", 1 + half - left);
    paint("\033[35m");
    repeat(BAR, left);
    paint("\033[0m");
    fputs(AXIS, stdout);
    paint("\033[36m");
    repeat(BAR, right);
    paint("\033[0m");
    if (more) repeat(" ", half - right);
}

static void print_length(double x, double scale, int full, bool more)
{
    int cells = isfinite(x) ? (int)lround(x / scale * full) : 0;
    repeat(" ", 1);
    paint("\033[36m");
    repeat(BAR, cells);
    paint("\033[0m");
    if (more) repeat(" ", full - cells);
}

static double find_scale(const table *t)
{
    double scale = t->two ? 1.0 : 0.0;
    for (int32_t i = 0; i < t->rows; i++)
        for (int32_t m = 0; m < t->models; m++) {
            double x = t->two ? fabs(t->row[i].ratio[m]) : t->row[i].p[m][MALE];
            if (isfinite(x) && x > scale) scale = x;
        }
    return scale > 0.0 ? scale : 1.0;
}

/* -------------------------------------------------------------------------------------- rows -- */

static int half_bar(const table *t)
{
    return t->models > 1 ? 6 : 10; /* both fit "female", and a line of 100 characters */
}

static void print_titles(const table *t, int label)
{
    static const char *const names[MODELS] = {"before", "after"};
    int half = half_bar(t), p = t->hide_p ? 0 : t->two ? 2 * P_WIDTH : P_WIDTH;
    int block = p + (t->two ? RATIO_WIDTH : 0) + 2 + 2 * half;
    if (t->models > 1) {
        repeat(" ", 2 + label);
        printf("  %-*s  %s", block - 2, names[BEFORE], names[AFTER]);
        printf("\n");
    }
    printf("  ");
    print_label(t->title, label, true);
    for (int32_t m = 0; m < t->models; m++) {
        if (!t->hide_p) printf("%*s", P_WIDTH, t->two ? "p(male)" : "p");
        if (!t->hide_p && t->two) printf("%*s", P_WIDTH, "p(female)");
        int rest = t->models > 1 ? half : 0;
        if (t->two)
            printf("%*s %*s%s%-*s", RATIO_WIDTH, "log-ratio", half, "female", AXIS, rest, "male");
        else
            repeat(" ", t->models > 1 ? 2 + 2 * half : 0);
    }
    if (t->models > 1) printf("%*s", CHANGE_WIDTH, "change");
    printf("\n");
}

static void print_row(const table *t, const table_row *r, int label, double scale)
{
    int half = half_bar(t);
    bool more = t->models > 1 || r->remark;
    printf("  ");
    print_label(r->label, label, false);
    for (int32_t m = 0; m < t->models; m++) {
        if (!t->hide_p) print_p(r->p[m][MALE]);
        if (!t->hide_p && t->two) print_p(r->p[m][FEMALE]);
        if (!t->two) {
            print_length(r->p[m][MALE], scale, 2 * half + 1, more);
        } else {
            if (isnan(r->ratio[m]))
                printf("%*s", RATIO_WIDTH, "-");
            else
                printf("%+*.3f", RATIO_WIDTH, r->ratio[m]);
            print_balance(r->ratio[m], scale, half, more);
        }
    }
    double change = t->two ? fabs(r->ratio[AFTER]) - fabs(r->ratio[BEFORE])
                           : r->p[AFTER][MALE] - r->p[BEFORE][MALE];
    if (t->models > 1 && isnan(change)) printf("%*s", CHANGE_WIDTH, "-");
    if (t->models > 1 && !isnan(change)) printf("%+*.3f", CHANGE_WIDTH, change);
    if (r->remark) {
        printf("  ");
        table_text(r->remark, false);
    }
    printf("\n");
}

void table_print(const table *t)
{
    double scale = find_scale(t);
    int label = width_of(t->title);
    for (int32_t i = 0; i < t->rows; i++) {
        int width = width_of(t->row[i].label);
        if (width > label) label = width;
    }
    print_titles(t, label);
    for (int32_t i = 0; i < t->rows; i++) print_row(t, &t->row[i], label, scale);
}
