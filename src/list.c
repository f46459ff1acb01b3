/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - a walk over the table, key by key.
 */
#include <regex.h>
#include <stdlib.h>

#include "swap.h"

struct spl_list {
	spl_store *store;
	uint64_t next; /* slot to look at */
	bool filtered;
	regex_t pattern;
	size_t prefix_len;
	char prefix[];
};

int
spl_list_begin(
	spl_store *s, const char *prefix, const char *pattern, spl_list **out)
{
	if (!s || !out)
		return -EINVAL;
	size_t len = prefix ? strlen(prefix) : 0;
	spl_list *list = calloc(1, sizeof *list + len + 1);
	if (!list)
		return -ENOMEM;
	list->store = s;
	list->prefix_len = len;
	memcpy(list->prefix, prefix ? prefix : "", len + 1);
	if (pattern) {
		int rc = regcomp(
			&list->pattern, pattern, REG_EXTENDED | REG_NOSUB);
		if (rc) {
			free(list);
			return rc == REG_ESPACE ? -ENOMEM : -EINVAL;
		}
		list->filtered = true;
	}
	*out = list;
	return 0;
}

/* What is in a slot: 1, 0 for nothing, -EAGAIN, -EBADMSG. */
static int
look(const spl_store *s, uint64_t slot, struct spl_key_stat *stat)
{
	struct spli_spot spot;
	struct spli_read read = {0};
	int rc = -ESTALE;

	for (unsigned i = 0; i < SPLI_TRIES && rc == -ESTALE; i++) {
		rc = spli_table_look(s, slot, NULL, &spot);
		if (rc != 1)
			return rc;
		spli_copy(stat->key, spot.block->key, SPLI_KEY_SIZE);
		rc = spli_block_copy(s, &spot, &read);
	}
	if (rc && rc != -EMSGSIZE) /* only the length is wanted */
		return rc == -ESTALE ? -EAGAIN : rc;
	stat->key[SPL_KEY_MAX] = '\0';
	stat->hash = spli_hash(stat->key, strlen(stat->key));
	stat->epoch = read.epoch;
	stat->len = read.len;
	stat->val_off = (uint64_t)(spot.block->bytes - (uint8_t *)s->header);
	memset(stat->reserved, 0, sizeof stat->reserved);
	return 1;
}

static bool
wanted(const spl_list *list, const char *key)
{
	return !strncmp(key, list->prefix, list->prefix_len) &&
	       (!list->filtered || !regexec(&list->pattern, key, 0, NULL, 0));
}

int
spl_list_next(spl_list *list, struct spl_key_stat *stat)
{
	if (!list || !stat)
		return -EINVAL;
	while (list->next < list->store->geo.entries) {
		int rc = look(list->store, list->next++, stat);
		if (rc < 0)
			return rc;
		if (rc && wanted(list, stat->key))
			return 1;
	}
	return 0;
}

void
spl_list_end(spl_list *list)
{
	if (list && list->filtered)
		regfree(&list->pattern);
	free(list);
}
