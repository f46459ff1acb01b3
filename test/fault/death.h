/* SPDX-License-Identifier: Apache-2.0 */
/*
 * death.h - a ground for a writer to die on, and what has to hold after it.
 *
 * A ground is a store of a few slots, its bytes mapped, and a reader that was
 * there before. Its bytes can be replaced: by those from before, or by those of
 * the moment when a writer was stopped, which is as if he had died there, as
 * the kernel's locks are not in them.
 */
#ifndef DEATH_H
#define DEATH_H

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "spl.h"

enum { DEATH_SLOTS = 8, DEATH_VALUE = 160 };

struct ground {
	int fd;
	uint8_t *bytes;
	size_t size;
	spl_store *reader; /* read-only, opened before anybody died */
};

/* What a writer is about to change, or not. */
struct deed {
	const char *key;
	const char *before, *after; /* its value; null: absent */
	bool silent; /* tells nobody of anything, and removes nothing */
	unsigned more; /* events that it may tell beside its own */
	/* Filled in before it begins. */
	uint64_t epoch_before, epoch_after;
	uint64_t tail, structure;
};

static inline void
ground_attach(struct ground *g, int fd)
{
	struct spl_options o;
	struct stat st;

	spl_options_init(&o);
	o.flags = SPL_READ_ONLY;
	if (fd < 0 || fstat(fd, &st))
		abort();
	g->fd = fd;
	g->size = (size_t)st.st_size;
	g->bytes =
		mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (g->bytes == MAP_FAILED || spl_open_fd(fd, &o, &g->reader))
		abort();
}

/* The same bytes behind another descriptor, where nobody has locked any. */
static inline void
ground_copy(struct ground *copy, const struct ground *g)
{
	int fd = memfd_create("death", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)g->size) ||
		pwrite(fd, g->bytes, g->size, 0) != (ssize_t)g->size)
		abort();
	ground_attach(copy, fd);
}

static inline void
ground_drop(struct ground *g)
{
	spl_close(g->reader);
	munmap(g->bytes, g->size);
	close(g->fd);
}

static inline uint8_t *
ground_take(const struct ground *g)
{
	uint8_t *image = malloc(g->size);

	if (!image)
		abort();
	return memcpy(image, g->bytes, g->size);
}

/* Whether @key is @value with @epoch; null: that it is absent. */
static inline bool
death_is(spl_store *s, const char *key, const char *value, uint64_t epoch)
{
	char got[DEATH_VALUE];
	struct spl_key_stat stat;
	int rc = spl_read(s, key, got, sizeof got, &stat);

	if (!value)
		return rc == -ENOENT;
	return !rc && stat.epoch == epoch && stat.len == strlen(value) &&
	       !memcmp(got, value, stat.len);
}

static inline uint64_t
death_epoch(spl_store *s, const char *key)
{
	struct spl_key_stat stat;

	return spl_stat(s, key, &stat) ? 0 : stat.epoch;
}

/* Whether the key shows if it was done. */
static inline bool
death_matters(const struct deed *d)
{
	return !d->before != !d->after ||
	       (d->after && d->epoch_after != d->epoch_before);
}

/* What @s shows: 0 as before, 1 as after, -1 neither: torn, or gone. */
static inline int
death_seen(spl_store *s, const struct deed *d)
{
	if (!death_is(s, "other", "untouched", 2))
		return -1;
	if (death_is(s, d->key, d->before, d->epoch_before))
		return 0;
	return death_is(s, d->key, d->after, d->epoch_after) ? 1 : -1;
}

/* Writer entries that somebody else owns, or seems to. */
static inline unsigned
death_owned(const spl_store *s)
{
	unsigned owned = 0;

	for (uint64_t e = 0; e < s->geo.writers; e++)
		owned += s->writers[e].owner && s->writers[e].owner != s->owner;
	return owned;
}

/*
 * Whoever writes next does at once what he wants: the key in question, then
 * keys to the last slot, and out with all of them.
 */
static inline int
death_next_writer(spl_store *s, const struct deed *d, uint64_t epoch)
{
	struct spl_store_stat info;
	char key[16];
	int wrong = 0;

	int rc = spl_set(s, d->key, "next", 4);
	AUDIT(!rc, "the next writer's set: %s", strerror(-rc));
	uint64_t now = death_epoch(s, d->key);
	AUDIT(now > epoch && death_is(s, d->key, "next", now),
		"its epoch is %" PRIu64 " after %" PRIu64, now, epoch);
	int64_t len = spl_unset(s, d->key);
	AUDIT(len == 4, "the next writer's unset: %d", (int)len);
	AUDIT(spl_reclaim(s) >= 0, "the next writer's reclaim");
	spl_store_info(s, &info);
	for (uint64_t i = info.keys; i < info.slots; i++) {
		snprintf(key, sizeof key, "fill %u", (unsigned)i);
		rc = spl_set(s, key, key, strlen(key));
		AUDIT(!rc, "%s: %s", key, strerror(-rc));
	}
	rc = spl_set(s, "beyond", "", 0);
	AUDIT(rc == -ENOSPC, "beyond the last slot: %s", strerror(-rc));
	for (uint64_t i = info.keys; i < info.slots; i++) {
		snprintf(key, sizeof key, "fill %u", (unsigned)i);
		len = spl_unset(s, key);
		AUDIT(len == (int64_t)strlen(key), "%s: %d", key, (int)len);
	}
	AUDIT(death_is(s, "other", "untouched", 2), "the other key");
	return wrong;
}

/* Every byte of what is not @seen, when old values must not stay. */
static inline int
death_traces(const struct ground *g, const struct deed *d, int seen)
{
	const char *gone = seen ? d->before : d->after;
	const char *here = seen ? d->after : d->before;
	int wrong = 0;

	/* Short ones are found by chance, and parts in the whole. */
	if (gone && strlen(gone) > 8 &&
		!(here && (strstr(here, gone) || strstr(gone, here))))
		AUDIT(!memmem(g->bytes, g->size, gone, strlen(gone)),
			"'%s' is still somewhere", gone);
	return wrong;
}

/*
 * After @deaths deaths in a row, the last one on ground @g. @before: what was
 * seen before them (-1: whatever it may be). How much is wrong.
 */
static inline int
death_check(const struct ground *g, const struct deed *d, int before,
	unsigned deaths)
{
	unsigned owned = death_owned(g->reader);
	uint64_t repairs = g->reader->header->repairs;
	int seen = death_seen(g->reader, d), wrong = 0;
	spl_store *s = NULL, *again = NULL;
	uint8_t *image;

	AUDIT(seen >= 0, "a reader finds neither old nor new");
	AUDIT(before < 0 || seen == before, "a repairer changed the value");
	int rc = spl_open_fd(g->fd, NULL, &s);
	AUDIT(!rc, "open: %s", strerror(-rc));
	if (rc)
		return wrong;
	AUDIT(death_seen(g->reader, d) == seen && death_seen(s, d) == seen,
		"the repair changed the value");
	repairs = s->header->repairs - repairs;
	AUDIT(repairs == owned && !death_owned(s),
		"%" PRIu64 " of %u entries repaired", repairs, owned);
	uint64_t told = s->feed->tail - d->tail;
	bool changed = seen == 1 && !d->silent;
	AUDIT(told >= changed && told <= (d->silent ? 0 : deaths + 1 + d->more),
		"told %" PRIu64 " times", told);
	AUDIT(!changed || !d->before == !d->after ||
			s->header->structure != d->structure,
		"nobody counted that a key came or went");
	wrong += audit(s);
	AUDIT(!audit_reaches(s), "a reach is wrong");
	AUDIT(s->header->scrubs_done == s->header->scrubs_begun ||
			!spli_vacuums(s),
		"nobody finished the scrub");
	if (spli_vacuums(s) && !d->silent)
		wrong += death_traces(g, d, seen);
	/* Once more: by who has it open, and by who opens it. */
	image = ground_take(g);
	spli_writers_rescue(s);
	rc = spl_open_fd(g->fd, NULL, &again);
	spl_close(rc ? NULL : again);
	AUDIT(!rc && !memcmp(image, g->bytes, g->size),
		"a second repair changed something");
	free(image);
	wrong += death_next_writer(
		s, d, seen == 1 ? d->epoch_after : d->epoch_before);
	wrong += audit(s);
	AUDIT(!audit_reaches(s), "a reach is wrong behind the next writer");
	spl_close(s);
	AUDIT(!death_owned(g->reader), "an entry is owned for ever");
	return wrong;
}

#endif
