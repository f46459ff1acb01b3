/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - a walk over the table, key by key.
 */
#include <stdlib.h>

#include "filter.h"
#include "ttl.h"

struct spl_list {
	spl_store *store;
	uint64_t next; /* slot to look at */
	struct spli_filter filter;
};

int
spl_list_begin(
	spl_store *s, const char *prefix, const char *pattern, spl_list **out)
{
	if (!s || !out)
		return -EINVAL;
	spl_list *list = calloc(1, sizeof *list);
	if (!list)
		return -ENOMEM;
	list->store = s;
	int rc = spli_filter_make(&list->filter, prefix, pattern);
	if (rc) {
		free(list);
		return rc;
	}
	*out = list;
	return 0;
}

int
spl_list_next(spl_list *list, struct spl_key_stat *stat)
{
	char key[SPLI_KEY_SIZE];
	struct spli_spot spot;

	if (!list || !stat)
		return -EINVAL;
	const spl_store *s = list->store;
	while (list->next < s->geo.entries) {
		struct spli_read read = {0}; /* only the length is wanted */
		int rc = spli_slot_read(s, list->next++, key, &read, &spot);
		if (spli_is_lost(s))
			return -EIO;
		if (rc < 0)
			return rc;
		if (!rc || !spli_filter_passes(&list->filter, key) ||
			spli_expired(s, read.expiry))
			continue;
		spli_key_stat(s, stat, &spot, &read, key,
			spli_hash(key, strlen(key)));
		return 1;
	}
	return 0;
}

void
spl_list_end(spl_list *list)
{
	if (list)
		spli_filter_free(&list->filter);
	free(list);
}
