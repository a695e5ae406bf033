/* vocab.txt: one token a line, id = line number. */
#ifndef EQBI_VOCAB_FILE_H
#define EQBI_VOCAB_FILE_H

#include "tokenizer/text_table.h"

/* Reads the bytes of a vocab.txt (LF or CRLF, white space at the end of a line dropped) into an
 * empty table; of equal lines the last is the one found. On failure the table stays empty.
 *   errors  MODEL (empty, too large), NOMEM                                                      */
eqb_status eqbi_vocab_read(eqbi_text_table *vocab, const char *lines, size_t length,
                           eqb_error *err);

#endif
