/* The loop; see loop.h. A step either happens whole (gradients, update, metrics) or not at all: a
 * request to stop and a checkpoint stand between steps.                                           */
#include "trainer/loop.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

typedef struct loop {
    const eqbi_task *task;
    graph *g;
    eqb_optimizer *optimizer;
    eqbi_run_dir dir;
    eqbi_text metrics;         /* one line, reused                        */
    double started, seconds;   /* of this process                         */
    int64_t first, tokens;     /* first step and tokens of this process   */
    bool cancelled;
} loop;

void eqbi_run_options_default(eqb_run_options *o)
{
    *o = (eqb_run_options){.keep_checkpoints = 2, .accumulate = 1, .seed = 42, .steps = 100,
                           .activation_limit = EQB_ACTIVATION_LIMIT};
}

eqb_status eqbi_run_options_check(const eqb_run_options *o, eqb_error *err)
{
    if (o->steps < 1 || o->save_every < 0 || o->keep_checkpoints < 1 || o->accumulate < 1 ||
        o->accumulate > 1 << 16 || !(o->dropout < 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT,
                         "run: steps %lld, save_every %lld, keep_checkpoints %d, accumulate %d or "
                         "dropout %g is out of its range",
                         (long long)o->steps, (long long)o->save_every, o->keep_checkpoints,
                         o->accumulate, o->dropout);
    if (o->resume && !o->output)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "run: resume needs an output directory");
    return EQB_OK;
}

void eqbi_note(const eqb_run_options *options, const char *format, ...)
{
    if (!options->on_note) return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    options->on_note(options->user, line);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What decides the course of a run, apart from the data and the task's own settings. */
static void add_settings(const eqbi_task *task)
{
    const eqb_run_options *r = task->options;
    const eqb_optimizer_options *o = task->optimizer;
    eqbi_text *s = task->settings;
    eqbi_text_print(s, "steps=%lld\naccumulate=%d\nseed=%llu\ndropout=%.17g\n", (long long)r->steps,
                    r->accumulate, (unsigned long long)r->seed, r->dropout);
    eqbi_text_print(s, "learning_rate=%.17g\nbeta1=%.17g\nbeta2=%.17g\nepsilon=%.17g\n",
                    o->learning_rate, o->beta1, o->beta2, o->epsilon);
    eqbi_text_print(s, "weight_decay=%.17g\npull=%.17g\nclip_norm=%.17g\n", o->weight_decay, o->pull,
                    o->clip_norm);
    eqbi_text_print(s, "warmup=%.17g\ndecay=%.17g\nfreeze=%s\n", o->warmup, o->decay,
                    o->freeze ? o->freeze : "");
}

static double mean(double sum, double weight)
{
    return weight > 0.0 ? sum / weight : NAN;
}

static void print_number(eqbi_text *t, const char *key, double x)
{
    eqbi_text_print(t, ", \"%s\": ", key);
    if (isfinite(x))
        eqbi_text_json_float(t, (float)x);
    else
        eqbi_text_print(t, "null");
}

static eqb_status write_metrics(loop *l, const eqb_progress *p, eqb_error *err)
{
    if (l->dir.metrics < 0) return EQB_OK;
    eqbi_text *t = &l->metrics;
    t->size = 0;
    eqbi_text_print(t, "{\"step\": %lld", (long long)p->step);
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"loss", p->loss},
                   {"loss_mlm", p->mlm},
                   {"loss_nsp", p->nsp},
                   {"loss_pair", p->pair},
                   {"loss_odds", p->odds},
                   {"loss_keep", p->keep},
                   {"learning_rate", p->learning_rate},
                   {"grad_norm", p->gradient_norm},
                   {"tok_s", p->tokens_per_second},
                   {"wall", p->seconds}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        print_number(t, numbers[i].key, numbers[i].value);
    eqbi_text_print(t, "}\n");
    return eqbi_metrics_write(&l->dir, t, err);
}

static eqb_status save(loop *l, eqb_progress *p, eqb_error *err)
{
    static const char name[] = "checkpoint";
    p->saved = name;
    return eqbi_checkpoint_save(&l->dir, l->task->model, l->optimizer, l->task->options->steps,
                                l->task->settings, l->task->options->keep_checkpoints, err);
}

/* Of those that the step has; NaN: of none. */
static double sum_of_means(const eqbi_sum *const *term, int count)
{
    double sum = NAN;
    for (int i = 0; i < count; i++)
        if (term[i]->weight > 0.0)
            sum = (isnan(sum) ? 0.0 : sum) + term[i]->sum / term[i]->weight;
    return sum;
}

static void report(loop *l, const eqbi_totals *t, double rate, double norm, eqb_progress *p)
{
    const eqbi_sum *const pair[] = {&t->pair, &t->next_pair};
    const eqbi_sum *const keep[] = {&t->keep, &t->keep_gendered, &t->next_keep, &t->next_midpoint};
    l->tokens += t->tokens;
    l->seconds = now() - l->started;
    double done = (double)(l->optimizer->step - l->first);
    double left = (double)(l->task->options->steps - l->optimizer->step);
    *p = (eqb_progress){.step = l->optimizer->step,
                        .steps = l->task->options->steps,
                        .loss = t->loss,
                        .mlm = mean(t->mlm.sum, t->mlm.weight),
                        .nsp = mean(t->nsp.sum, t->nsp.weight),
                        .pair = sum_of_means(pair, 2),
                        .odds = mean(t->odds.sum, t->odds.weight),
                        .keep = sum_of_means(keep, 4),
                        .learning_rate = rate,
                        .gradient_norm = norm,
                        .tokens_per_second = (double)l->tokens / fmax(l->seconds, 1e-9),
                        .seconds = l->seconds,
                        .seconds_left = l->seconds / done * left};
}

static eqb_status one_step(loop *l, eqb_error *err)
{
    const eqbi_task *task = l->task;
    int64_t step = l->optimizer->step;
    eqbi_totals totals = {0};
    EQBI_TRY(task->begin(task->self, step, err));
    for (int32_t k = 0; k < task->options->accumulate; k++)
        EQBI_TRY(task->run(task->self, l->g, step, k, &totals, err));
    if (!isfinite(totals.loss))
        return eqbi_fail(err, EQB_ERR_DIVERGED, "step %lld: the loss is not finite (%g)",
                         (long long)step + 1, totals.loss);
    double rate = eqb_learning_rate(task->optimizer, step, task->options->steps), norm;
    EQBI_TRY(eqb_optimizer_step(l->optimizer, rate, &norm, err));
    eqb_progress p;
    report(l, &totals, rate, norm, &p);
    EQBI_TRY(write_metrics(l, &p, err));
    int64_t every = task->options->save_every;
    if (task->options->output && every > 0 && (step + 1) % every == 0 && p.step < p.steps)
        EQBI_TRY(save(l, &p, err));
    if (task->options->on_progress && task->options->on_progress(task->options->user, &p) != 0) {
        l->cancelled = true;
        if (task->options->output && !p.saved && p.step < p.steps) EQBI_TRY(save(l, &p, err));
    }
    return EQB_OK;
}

static eqb_status open_output(loop *l, eqb_error *err)
{
    const eqb_run_options *o = l->task->options;
    if (!o->output) return EQB_OK;
    EQBI_TRY(eqbi_run_dir_open(&l->dir, o->output, o->resume, o->restart, err));
    if (o->resume) {
        EQBI_TRY(eqbi_checkpoint_resume(&l->dir, l->task->model, l->optimizer, l->task->settings,
                                        o->on_note, o->user, err));
        eqbi_note(o, "resumed at step %lld of %lld", (long long)l->optimizer->step,
                  (long long)o->steps);
    }
    return eqbi_metrics_open(&l->dir, l->optimizer->step, err);
}

eqb_status eqbi_run(const eqbi_task *task, eqb_error *err)
{
    const eqb_run_options *o = task->options;
    loop l = {.task = task, .dir = {.lock = -1, .metrics = -1}};
    l.metrics.allocator = o->allocator;
    add_settings(task);
    eqb_status status = task->settings->failed
                            ? eqbi_fail(err, EQB_ERR_NOMEM, "no memory for the settings")
                            : eqb_graph_new(&l.g, o->allocator, err);
    if (status == EQB_OK)
        status = eqb_optimizer_new(&l.optimizer, task->model, task->optimizer, err);
    if (status == EQB_OK) status = open_output(&l, err);
    if (status != EQB_OK) goto done;
    eqb_graph_set_dropout(l.g, (float)o->dropout);
    eqb_graph_set_activation_limit(l.g, o->activation_limit);
    l.first = l.optimizer->step;
    l.started = now();
    while (status == EQB_OK && !l.cancelled && l.optimizer->step < o->steps)
        status = one_step(&l, err);
    if (status == EQB_OK && l.optimizer->step < o->steps)
        status = eqbi_fail(err, EQB_ERR_CANCELLED, "stopped after step %lld of %lld%s%s",
                           (long long)l.optimizer->step, (long long)o->steps,
                           o->output ? "; to be resumed from " : "", o->output ? o->output : "");
    if (status == EQB_OK) task->model->parts = EQB_PART_POOLER | EQB_PART_MLM | EQB_PART_NSP;
    if (status == EQB_OK && o->output) {
        status = eqb_model_save(task->model, o->output, err);
        if (status == EQB_OK) status = eqbi_run_dir_finish(&l.dir, o->steps, err);
    }
done:
    eqbi_run_dir_close(&l.dir);
    eqbi_text_free(&l.metrics);
    eqb_optimizer_free(l.optimizer);
    eqb_graph_free(l.g);
    return status;
}
