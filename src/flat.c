/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat.c - splinter.h on top of spl.h: errno, and the one current store.
 * SPLI_FLAT_KIND says what a name is: SPL_MEMORY in libsplinter, SPL_FILE in
 * libsplinter_p.
 */
#include "splinter.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "spl.h"

static spl_store *current;
static char (*listed)[64]; /* what the last splinter_list returned */

static int
fail(int64_t rc, int result)
{
	errno = (int)-rc;
	return result;
}

/* What a call on the store returns. */
static int
result(int64_t rc)
{
	return rc < 0 ? fail(rc, current ? -1 : -2) : 0;
}

/* spl_* says -EINVAL to a null handle; here that has its own name. */
#define ON_STORE(call) (current ? (call) : -EBADF)

static int
attach(int (*how)(const char *, const struct spl_options *, spl_store **),
	const char *name, size_t slots, size_t max_value)
{
	struct spl_options o;
	spl_store *opened;

	spl_options_init(&o);
	o.kind = SPLI_FLAT_KIND;
	o.slots = slots;
	o.max_value = max_value;
	int rc = how(name, &o, &opened);
	if (rc)
		return fail(rc, -1);
	splinter_close();
	current = opened;
	return 0;
}

int
splinter_create(const char *name_or_path, size_t slots, size_t max_value_sz)
{
	return attach(spl_create, name_or_path, slots, max_value_sz);
}

int
splinter_open(const char *name_or_path)
{
	return attach(spl_open, name_or_path, 1, 1);
}

int
splinter_open_or_create(
	const char *name_or_path, size_t slots, size_t max_value_sz)
{
	return attach(spl_open_or_create, name_or_path, slots, max_value_sz);
}

int
splinter_create_or_open(
	const char *name_or_path, size_t slots, size_t max_value_sz)
{
	return attach(spl_create_or_open, name_or_path, slots, max_value_sz);
}

void
splinter_close(void)
{
	spl_close(current);
	current = NULL;
	free(listed);
	listed = NULL;
}

int
splinter_set(const char *key, const void *val, size_t len)
{
	return result(ON_STORE(spl_set(current, key, val, len)));
}

int
splinter_unset(const char *key)
{
	int64_t rc = ON_STORE(spl_unset(current, key));

	if (rc == -EINVAL || rc == -ENAMETOOLONG)
		return fail(rc, -2);
	return rc < 0 ? result(rc) : rc > INT_MAX ? INT_MAX : (int)rc;
}

int
splinter_get(const char *key, void *buf, size_t buf_sz, size_t *out_sz)
{
	return result(
		ON_STORE(spl_get(current, key, buf, buf ? buf_sz : 0, out_sz)));
}

/* The keys into a fresh array; how many, or a negative errno. */
static int64_t
collect(spl_list *list, size_t max_keys)
{
	struct spl_key_stat stat;
	size_t count = 0, room = 0;
	int rc = 0;

	while (count < max_keys && (rc = spl_list_next(list, &stat)) != 0) {
		if (rc < 0)
			continue; /* a key that cannot be read now */
		if (count == room) {
			room = room ? 2 * room : 64;
			void *more = realloc(listed, room * sizeof *listed);
			if (!more)
				return -ENOMEM;
			listed = more;
		}
		memcpy(listed[count++], stat.key, sizeof stat.key);
	}
	return (int64_t)count;
}

int
splinter_list(char **out_keys, size_t max_keys, size_t *out_count)
{
	spl_list *list;

	if (!current)
		return fail(-EBADF, -2);
	if (!out_count || (!out_keys && max_keys))
		return fail(-EINVAL, -1);
	int64_t rc = spl_list_begin(current, NULL, NULL, &list);
	if (rc)
		return fail(rc, -1);
	free(listed);
	listed = NULL;
	rc = collect(list, max_keys);
	spl_list_end(list);
	if (rc < 0)
		return fail(rc, -1);
	*out_count = (size_t)rc;
	for (size_t i = 0; i < *out_count; i++)
		out_keys[i] = listed[i];
	return 0;
}

int
splinter_poll(const char *key, uint64_t timeout_ms)
{
	struct spl_key_stat seen;
	int rc = ON_STORE(spl_stat(current, key, &seen));

	if (!rc)
		rc = spl_wait(current, key, seen.epoch, timeout_ms, NULL);
	return rc == -ETIMEDOUT ? fail(rc, -2) : result(rc);
}

int
splinter_multi_poll(splinter_pollkey_t *keys, size_t n, uint64_t timeout_ms)
{
	if (!current)
		return fail(-EBADF, -2);
	/* As spl_wait_many() does, but before anything is copied. */
	if (!keys || !n || n > 1 << 24)
		return fail(-EINVAL, -1);
	struct spl_pollkey *all = malloc(n * sizeof *all);
	if (!all)
		return fail(-ENOMEM, -1);
	for (size_t i = 0; i < n; i++)
		all[i] = (struct spl_pollkey){keys[i].key, keys[i].epoch, 0, 0};
	int ready = spl_wait_many(current, all, n, timeout_ms);
	for (size_t i = 0; ready >= 0 && i < n; i++) {
		keys[i].epoch = all[i].epoch;
		keys[i].revents = all[i].revents;
	}
	free(all);
	return ready < 0 ? fail(ready, -1) : ready;
}

int
splinter_set_av(unsigned int mode)
{
	int on = mode > 1 ? -1 : (int)mode;

	return result(ON_STORE(spl_set_auto_vacuum(current, on, NULL)));
}

int
splinter_get_av(void)
{
	return current ? spl_auto_vacuum(current) : fail(-EBADF, -2);
}

static uint32_t
narrow(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

int
splinter_get_header_snapshot(splinter_header_snapshot_t *snapshot)
{
	struct spl_store_stat stat;
	int rc = ON_STORE(snapshot ? spl_store_info(current, &stat) : -EINVAL);

	if (rc)
		return result(rc);
	*snapshot = (splinter_header_snapshot_t){
		.magic = stat.magic,
		.version = stat.version,
		.slots = narrow(stat.slots),
		.max_val_sz = narrow(stat.max_value),
		.epoch = stat.epoch,
		.auto_vacuum = stat.auto_vacuum,
		.parse_failures = stat.parse_failures,
		.last_failure_epoch = stat.last_failure_epoch,
	};
	return 0;
}

int
splinter_get_slot_snapshot(const char *key, splinter_slot_snapshot_t *snapshot)
{
	struct spl_key_stat stat;
	int rc = ON_STORE(snapshot ? spl_stat(current, key, &stat) : -EINVAL);

	if (rc)
		return result(rc);
	*snapshot = (splinter_slot_snapshot_t){
		.hash = stat.hash,
		.epoch = stat.epoch,
		.val_off = narrow(stat.val_off),
		.val_len = narrow(stat.len),
	};
	memcpy(snapshot->key, stat.key, sizeof snapshot->key);
	return 0;
}
