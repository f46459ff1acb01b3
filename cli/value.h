/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - a value of any length in memory of our own, and on stdout.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "spl.h"

/* Starts as zeroes; value_free() gives the memory back. */
struct value {
	char *bytes;
	size_t len;
	size_t cap;
};

/*
 * value_get - read a key's value, however long it is or grows meanwhile.
 * Returns 0, -ENOMEM, or as spl_get() but for -EMSGSIZE. The memory is used
 * again by the next call.
 */
int value_get(struct value *value, spl_store *store, const char *key);
void value_print(const struct value *value);
void value_free(struct value *value);

#endif
