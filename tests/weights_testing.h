/* What the tests of model directories share: a small model and ways to save and load it. */
#ifndef WEIGHTS_TESTING_H
#define WEIGHTS_TESTING_H

#include "engine/model.h"

#define SMALL_VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##c\n"
enum { EVERY_PART = EQB_PART_POOLER | EQB_PART_MLM | EQB_PART_NSP, NOTES_SIZE = 8192 };

/* 8 tokens, hidden 4, 2 layers, 2 heads, feed-forward 6, 5 positions; drawn from the seed. */
eqb_model *make_small_model(uint64_t seed, bool with_tokenizer, const eqb_allocator *allocator);
/* dir/name; static, overwritten by the next call. */
const char *path_in(const char *dir, const char *name);
void write_text(const char *dir, const char *name, const char *text);
/* A fresh directory with the model saved in it; static, overwritten by the next call. */
const char *saved_dir(const eqb_model *model);
/* Whether all parameters agree, those of the parts in except aside. */
bool same_parameters(const eqb_model *a, const eqb_model *b, unsigned except);
/* Loads with seed 9 and collects the notes, a line each. */
eqb_status load_noted(eqb_model **model, const char *dir, char notes[NOTES_SIZE], eqb_error *err);
/* Loading this directory fails with MODEL and a message that contains this. */
void check_load_fails(const char *dir, const char *message);

#endif
