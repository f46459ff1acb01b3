/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - a value of any length in memory of our own: out of the store and
 * onto stdout, or from where the user has it.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "command.h"

/* Starts as zeroes; value_free() gives the memory back. */
struct value {
	char *bytes;
	size_t len;
	size_t cap;
};

/*
 * value_get - read a key's value, however long it is or grows meanwhile, and
 * what it is, both of one moment. Returns 0, -ENOMEM, or as spl_read() but for
 * -EMSGSIZE. The memory is used again by the next call.
 */
int value_get(struct value *value, spl_store *store, const char *key,
	struct spl_key_stat *stat);

/*
 * value_take - what the VALUE word of a call stands for: itself, standard
 * input ("-") or a file ("@FILE"). No more is read than the open store takes.
 * Explains what fails and returns a status.
 */
int value_take(struct value *value, const struct cli *cli,
	const struct call *call, const char *word);

/* LENGTH:BYTES and a line end, fit for a terminal if stdout is one. */
void value_print(const char *bytes, size_t len);
void value_free(struct value *value);

#endif
