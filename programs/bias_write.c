/* The report for other programs; see bias.h. Records name table rows by their number, from 0: the
 * lists "professions", "templates" and so on say what they are. */
#include "programs/bias.h"
#include "programs/cli_record.h"

#include <math.h>
#include <stdio.h>

/* -------------------------------------------------------------------------------------- lists -- */

/* Between the records of a list. */
static void put_comma(bool *begun)
{
    printf(*begun ? ",\n  " : "\n  ");
    *begun = true;
}

static void put_flag(cli_record *r, const char *name, bool flag)
{
    cli_put_number(r, name, flag);
}

static void begin_list(const char *name, bool *begun)
{
    *begun = false;
    printf(",\n \"%s\": [", name);
}

static void put_figures(const bias *b)
{
    static const char *const names[VALUES] = {"before", "after", "change"};
    bool begun;
    begin_list("figures", &begun);
    for (int i = 0; i < b->figures; i++)
        for (int k = 0; k < (b->models > 1 ? VALUES : 1); k++) {
            const figure *f = &b->figure[i];
            cli_record r = {.notation = CLI_JSON};
            put_comma(&begun);
            cli_put_text(&r, "section", f->section);
            cli_put_text(&r, "slice", f->slice);
            cli_put_text(&r, "what", f->what);
            cli_put_text(&r, "model", names[k]);
            cli_put_number(&r, "value", f->value[k]);
            cli_put_number(&r, "low", f->low[k]);
            cli_put_number(&r, "high", f->high[k]);
            cli_put_number(&r, "scores", (double)f->scores[k < MODELS ? k : AFTER]);
            cli_put_number(&r, "professions", f->drawn[0]);
            cli_put_number(&r, "sentences", f->drawn[1]);
            cli_put_number(&r, "genders", f->drawn[2]);
            cli_end_record(&r);
        }
    printf("]");
}

static void put_tables(const bias *b)
{
    bool begun;
    begin_list("professions", &begun);
    for (int p = 0; p < PROFESSIONS; p++) {
        cli_record r = {.notation = CLI_JSON};
        put_comma(&begun);
        cli_put_text(&r, "word", BIAS_PROFESSION[p]);
        cli_put_text(&r, "split", BIAS_SPLIT[b->seen.split[p]]);
        cli_end_record(&r);
    }
    printf("]");
    begin_list("templates", &begun);
    for (int t = 0; t < TEMPLATES; t++) {
        cli_record r = {.notation = CLI_JSON};
        put_comma(&begun);
        cli_put_text(&r, "text", BIAS_TEMPLATE[t]);
        put_flag(&r, "seen", b->seen.template[t]);
        cli_end_record(&r);
    }
    printf("]");
    begin_list("genders", &begun);
    for (int g = 0; g < GENDERS; g++) {
        cli_record r = {.notation = CLI_JSON};
        put_comma(&begun);
        cli_put_text(&r, "group", BIAS_GROUP[BIAS_GENDER[g].group]);
        cli_put_text(&r, "male", BIAS_GENDER[g].subject[MALE]);
        cli_put_text(&r, "female", BIAS_GENDER[g].subject[FEMALE]);
        put_flag(&r, "seen", b->seen.gender[g]);
        cli_end_record(&r);
    }
    printf("]");
}

/* ------------------------------------------------------------------------------------- scores -- */

static void put_forward(const bias *b)
{
    bool begun;
    begin_list("forward", &begun);
    for (int m = 0; m < b->models; m++)
        for (int p = 0; p < PROFESSIONS; p++)
            for (int t = 0; t < TEMPLATES; t++)
                for (int g = 0; g < GENDERS; g++) {
                    const double *log_p = b->by[m].forward[p][t][g];
                    cli_record r = {.notation = CLI_JSON};
                    if (isnan(log_p[MALE])) continue;
                    put_comma(&begun);
                    cli_put_number(&r, "model", m);
                    cli_put_number(&r, "profession", p);
                    cli_put_number(&r, "template", t);
                    cli_put_number(&r, "gender", g);
                    cli_put_number(&r, "p_male", exp(log_p[MALE]));
                    cli_put_number(&r, "p_female", exp(log_p[FEMALE]));
                    cli_put_number(&r, "log_ratio", log_p[MALE] - log_p[FEMALE]);
                    cli_end_record(&r);
                }
    printf("]");
}

static void put_reverse(const bias *b)
{
    bool begun;
    begin_list("reverse", &begun);
    for (int m = 0; m < b->models; m++)
        for (int p = 0; p < PROFESSIONS; p++)
            for (int i = 0; i < REVERSES; i++) {
                const double(*log_p)[VERSIONS] =
                    (const double(*)[VERSIONS])b->by[m].reverse[p][i];
                cli_record r = {.notation = CLI_JSON};
                if (isnan(log_p[SAID][MALE])) continue;
                put_comma(&begun);
                cli_put_number(&r, "model", m);
                cli_put_number(&r, "profession", p);
                cli_put_text(&r, "text", BIAS_REVERSE[i].text);
                cli_put_number(&r, "log_odds", log_p[SAID][MALE] - log_p[SAID][FEMALE]);
                cli_put_number(&r, "prior_log_odds", log_p[MASKED][MALE] - log_p[MASKED][FEMALE]);
                cli_end_record(&r);
            }
    printf("]");
}

static void put_next(const bias *b)
{
    bool begun;
    begin_list("next", &begun);
    for (int m = 0; m < b->models; m++)
        for (int i = 0; i < NEXTS; i++)
            for (int c = 0; c < CONTINUATIONS; c++) {
                const double *log_p = b->by[m].next[i][c];
                cli_record r = {.notation = CLI_JSON};
                put_comma(&begun);
                cli_put_number(&r, "model", m);
                cli_put_text(&r, "first", BIAS_NEXT[i].first);
                cli_put_text(&r, "second", BIAS_NEXT[i].second[c]);
                put_flag(&r, "follows", c == FOLLOWS);
                put_flag(&r, "seen", b->seen.next[i]);
                cli_put_number(&r, "p_male", exp(log_p[MALE]));
                cli_put_number(&r, "p_female", exp(log_p[FEMALE]));
                cli_end_record(&r);
            }
    printf("]");
}

static void put_facts(const bias *b)
{
    bool begun;
    begin_list("facts", &begun);
    for (int m = 0; m < b->models; m++)
        for (int i = 0; i < FACTS; i++) {
            const double *log_p = b->by[m].fact[i];
            cli_record r = {.notation = CLI_JSON};
            put_comma(&begun);
            cli_put_number(&r, "model", m);
            cli_put_text(&r, "text", BIAS_FACT[i].text);
            cli_put_text(&r, "right", BIAS_FACT[i].word[RIGHT]);
            cli_put_text(&r, "wrong", BIAS_FACT[i].word[WRONG]);
            put_flag(&r, "seen", b->seen.fact[i]);
            cli_put_number(&r, "p_right", exp(log_p[RIGHT]));
            cli_put_number(&r, "p_wrong", exp(log_p[WRONG]));
            cli_end_record(&r);
        }
    printf("]");
}

void bias_write_json(const bias *b)
{
    printf("{\"program\": \"bias\", \"version\": \"%s\", \"models\": [", eqb_version());
    for (int m = 0; m < b->models; m++) {
        printf(m > 0 ? ", " : "");
        cli_json_string(b->dir[m]);
    }
    printf("], \"pairs\": ");
    cli_json_string(b->pairs);
    printf(", \"seed\": %llu, \"holdout\": %.9g", (unsigned long long)b->seed, b->holdout);
    put_figures(b);
    put_tables(b);
    put_forward(b);
    put_reverse(b);
    put_next(b);
    put_facts(b);
    printf("}\n");
}

/* ---------------------------------------------------------------------------------------- CSV -- */

static void put_row(const bias *b, cli_notation notation, int m, int p, int t, int g)
{
    cli_record r = {.notation = notation};
    answer a = bias_answer(&b->by[m], p, t, g);
    cli_put_text(&r, "model", b->dir[m]);
    cli_put_text(&r, "profession", BIAS_PROFESSION[p]);
    cli_put_number(&r, "pieces", b->by[m].pieces[p]);
    cli_put_text(&r, "split", BIAS_SPLIT[b->seen.split[p]]);
    cli_put_text(&r, "template", BIAS_TEMPLATE[t]);
    put_flag(&r, "template_seen", b->seen.template[t]);
    cli_put_text(&r, "group", BIAS_GROUP[g]);
    cli_put_number(&r, "scores", a.scores);
    cli_put_number(&r, "p_male", a.p[MALE]);
    cli_put_number(&r, "p_female", a.p[FEMALE]);
    cli_put_number(&r, "log_ratio", a.log_ratio);
    cli_put_number(&r, "abs_log_ratio", a.abs_log_ratio);
    cli_end_record(&r);
}

void bias_write_csv(const bias *b)
{
    put_row(b, CLI_CSV_NAMES, 0, 0, 0, 0);
    for (int m = 0; m < b->models; m++)
        for (int p = 0; p < PROFESSIONS; p++)
            for (int t = 0; t < TEMPLATES; t++)
                for (int g = 0; g < GROUPS; g++) put_row(b, CLI_CSV, m, p, t, g);
}
