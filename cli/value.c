/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Room for @len bytes. What was there goes: it is about to be replaced. */
static int
make_room(struct value *value, size_t len)
{
	free(value->bytes);
	value->cap = len ? len : 1;
	value->bytes = malloc(value->cap);
	if (value->bytes)
		return 0;
	value->cap = 0;
	return -ENOMEM;
}

int
value_get(struct value *value, spl_store *store, const char *key)
{
	/*
	 * Without memory the first round only asks for the size. Each later
	 * one has more room than the one before, and values have a limit.
	 */
	for (;;) {
		bool asked = !value->bytes;
		int rc = spl_get(
			store, key, value->bytes, value->cap, &value->len);

		if (rc != -EMSGSIZE && (rc < 0 || !asked))
			return rc;
		if ((rc = make_room(value, value->len)))
			return rc;
	}
}

void
value_print(const struct value *value)
{
	printf("%zu:", value->len);
	fwrite(value->bytes, 1, value->len, stdout);
	putchar('\n');
}

void
value_free(struct value *value)
{
	free(value->bytes);
	*value = (struct value){0};
}
