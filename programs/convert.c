/* ./convert: any BERT directory in, a current Hugging Face directory out; --check only looks. */
#include "programs/cli.h"

#include <stdio.h>
#include <string.h>

static const char *const dtypes = "f32,f16,bf16"; /* in the order of eqb_dtype */
static const char *const dtype_names[] = {"F32", "F16", "BF16"};

typedef struct job {
    const char *from, *to;
    int dtype;
    bool check;
    int64_t count[EQB_TENSOR_REFUSED + 1]; /* tensors of each eqb_tensor_use */
    int64_t shown;
    uint64_t numbers, not_finite;
} job;

/* ---------------------------------------------------------------------------------- checking -- */

static void print_tensor(void *user, const eqb_tensor_report *r)
{
    static const char *const uses[] = {"used", "ignored", "not used", "missing", "REFUSED"};
    job *j = user;
    if (j->shown++ == 0)
        printf("%-58s %-12s %-5s %10s %10s %10s %10s %5s %5s  %s\n", "tensor", "shape", "dtype",
               "min", "max", "mean", "std", "nan", "inf", "use");
    j->count[r->use]++;
    j->numbers += r->count;
    j->not_finite += r->nan + r->infinite;
    printf("%-58s %-12s %-5s", r->name, r->shape, r->dtype);
    if (r->count > 0)
        printf(" %10.4g %10.4g %10.4g %10.4g %5llu %5llu", r->min, r->max, r->mean, r->deviation,
               (unsigned long long)r->nan, (unsigned long long)r->infinite);
    else
        printf(" %10s %10s %10s %10s %5s %5s", "-", "-", "-", "-", "-", "-");
    printf("  %s", uses[r->use]);
    if (r->use == EQB_TENSOR_USED && strcmp(r->name, r->parameter) != 0)
        printf(" as %s", r->parameter);
    if (r->use != EQB_TENSOR_MISSING && r->reason) printf(": %s", r->reason);
    printf("\n");
}

/* Lists the tensors, then loads the model, which is the last word on whether it can be used. */
static eqb_status check(job *j, eqb_error *err)
{
    eqb_model *model = NULL;
    eqb_model_options options = {.on_note = cli_note};
    eqb_status status = eqb_model_inspect(j->from, NULL, print_tensor, j, err);
    if (status != EQB_OK) return status;
    printf("\n%lld used, %lld ignored, %lld not used, %lld missing, %lld refused; %llu numbers, "
           "%llu not finite\n",
           (long long)j->count[EQB_TENSOR_USED], (long long)j->count[EQB_TENSOR_IGNORED],
           (long long)j->count[EQB_TENSOR_UNUSED], (long long)j->count[EQB_TENSOR_MISSING],
           (long long)j->count[EQB_TENSOR_REFUSED], (unsigned long long)j->numbers,
           (unsigned long long)j->not_finite);
    fflush(stdout);
    status = eqb_model_load(&model, j->from, &options, err);
    if (status == EQB_OK) printf("%s can be loaded\n", j->from);
    eqb_model_free(model);
    return status;
}

/* -------------------------------------------------------------------------------- converting -- */

static void print_model(const job *j, const eqb_model *model)
{
    const eqb_config *c = eqb_model_config(model);
    const eqb_tokenizer *t = eqb_model_tokenizer(model);
    unsigned parts = eqb_model_parts(model);
    printf("model       %s: %d layers, hidden %d, heads %d, vocabulary %d\n", j->from,
           c->num_layers, c->hidden_size, c->num_heads, c->vocab_size);
    printf("parts       encoder%s%s%s\n", parts & EQB_PART_POOLER ? ", pooler" : "",
           parts & EQB_PART_MLM ? ", masked-language-model head" : "",
           parts & EQB_PART_NSP ? ", next-sentence head" : "");
    if (t)
        printf("tokenizer   %d tokens, %s\n", eqb_tokenizer_size(t),
               eqb_tokenizer_get_options(t)->lowercase ? "uncased" : "cased");
    else
        printf("tokenizer   none\n");
    printf("output      %s: model.safetensors in %s%s\n", j->to, dtype_names[j->dtype],
           t ? ", config and tokenizer" : ", config");
    fflush(stdout);
}

static eqb_status convert(const job *j, eqb_error *err)
{
    eqb_model *model = NULL;
    eqb_model_options options = {.on_note = cli_note};
    eqb_status status = eqb_model_load(&model, j->from, &options, err);
    if (status != EQB_OK) return status;
    print_model(j, model);
    eqb_save_options save = {.dtype = (eqb_dtype)j->dtype, .known_parts_only = true};
    status = eqb_model_save_with(model, j->to, &save, err);
    if (status == EQB_OK) printf("wrote       %s\n", j->to);
    eqb_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    job j = {0};
    const cli_option options[] = {
        {CLI_GROUP, NULL, NULL, NULL, "Output", 0, 0},
        {CLI_CHOICE, "dtype", dtypes, &j.dtype, "how the numbers are written", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, "Instead of converting", 0, 0},
        {CLI_FLAG, "check", NULL, &j.check,
         "list tensors, numbers, and what loading does with each", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, NULL, 0, 0}};
    const cli c = {"convert", "[OPTIONS] FROM TO\n       convert --check FROM",
                   "Turns a BERT in any format (safetensors, PyTorch, TensorFlow; whole or in\n"
                   "shards; any spelling of names) into a current Hugging Face directory. Pickles\n"
                   "are read, never executed. What FROM lacks of pooler and heads TO lacks too.",
                   "  ./convert uncased_L-12_H-768_A-12 out/bert-base\n"
                   "  ./convert --dtype bf16 google-bert/bert-base-uncased out/bert-base-bf16\n"
                   "  ./convert --check google-bert/bert-base-uncased\n",
                   NULL, options};
    const char *operand[2] = {NULL, NULL};
    int code, operands = cli_parse(&c, argc, argv, operand, 2, &code);
    if (operands < 0) return code;
    if (operands != (j.check ? 1 : 2)) {
        fprintf(stderr, "convert: %s; see convert --help\n",
                j.check ? "--check takes one directory" : "expected FROM and TO");
        return EQB_ERR_ARGUMENT;
    }
    j.from = operand[0];
    j.to = operand[1];
    if (j.to && strcmp(j.from, j.to) == 0) {
        fprintf(stderr, "convert: FROM and TO are the same directory\n");
        return EQB_ERR_ARGUMENT;
    }
    eqb_error err = {0};
    char from[4096];
    eqb_status status = cli_model_dir(from, j.from, &err);
    j.from = from;
    if (status == EQB_OK) status = j.check ? check(&j, &err) : convert(&j, &err);
    return status == EQB_OK ? 0 : cli_fail("convert", status, &err);
}
