/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - the handle API: create, open, close, destroy, and the calls on
 * keys as a layer of checks over swap.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "feed.h"
#include "follow.h"
#include "fork.h"
#include "map.h"
#include "pool.h"
#include "ttl.h"
#include "vacuum.h"

const char *
spl_version(void)
{
	return SPLINTER_VERSION;
}

void
spl_options_init(struct spl_options *o)
{
	*o = (struct spl_options){
		.size = sizeof *o,
		.kind = SPL_MEMORY,
		.mode = 0600,
		.writers = SPL_DEFAULT_WRITERS,
		.slots = SPL_DEFAULT_SLOTS,
		.max_value = SPL_DEFAULT_MAX_VALUE,
	};
}

/* A copy of the caller's options, or the defaults. */
static int
options_read(struct spl_options *o, const struct spl_options *given)
{
	enum {
		KNOWN = SPL_READ_ONLY | SPL_PREFAULT | SPL_ANY_OWNER |
			SPL_WAKE_ALWAYS | SPL_GUARD
	};

	spl_options_init(o);
	if (!given)
		return 0;
	/* A later version's longer struct is one that we do not know. The
	 * owner must be able to write: locks need a description for it. */
	if (given->size != sizeof *o || given->flags & ~(uint32_t)KNOWN ||
		given->mode & ~0777u || (given->mode & 0600) != 0600)
		return -EINVAL;
	*o = *given;
	return 0;
}

static spl_store *
handle_new(const struct spl_options *o)
{
	spl_store *s = calloc(1, sizeof *s);

	if (s && o->flags & SPL_GUARD)
		s->guard = calloc(1, sizeof *s->guard);
	if (!s || (o->flags & SPL_GUARD && !s->guard)) {
		free(s);
		return NULL;
	}
	s->fd = s->lock_fd = -1;
	s->read_only = o->flags & SPL_READ_ONLY;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_mutex_init(&s->sleep_mutex, NULL);
	pthread_mutex_init(&s->feed_mutex, NULL);
	return s;
}

static void
handle_free(spl_store *s)
{
	free(s->mine);
	free(s->is_mine);
	spli_map_drop(s);
	free(s->guard);
	pthread_mutex_destroy(&s->mutex);
	pthread_mutex_destroy(&s->sleep_mutex);
	pthread_mutex_destroy(&s->feed_mutex);
	free(s);
}

/* Of a mapped store: repair, and resume what was begun. */
static int
handle_start(spl_store *s)
{
	int rc = spli_handle_start(s);

	if (rc)
		return spli_outcome(s, rc);
	spli_vacuum_resume(s);
	if (!spli_is_lost(s))
		return 0;
	spli_handle_stop(s);
	return -EIO;
}

static int
create(const char *name, const struct spl_options *o, spl_store **out)
{
	struct spli_new new = {0};
	int rc = 0;

	if (!name || o->flags & SPL_READ_ONLY)
		return -EINVAL;
	if (o->kind != SPL_MEMFD)
		rc = spli_map_path(new.path, name, o->kind);
	if (rc)
		return rc;
	spl_store *s = handle_new(o);
	if (!s)
		return -ENOMEM;
	rc = spli_map_new(s, &new, name, o);
	if (!rc)
		rc = handle_start(s);
	/* Last, so that a failure leaves nothing under that name. */
	if (!rc && o->kind != SPL_MEMFD) {
		rc = spli_map_publish(s, &new);
		s->linked = true;
		if (rc)
			spli_handle_stop(s);
	}
	spli_map_forget(&new);
	if (rc)
		handle_free(s);
	else
		*out = s;
	return rc;
}

static int
attach(int fd, const struct spl_options *o, spl_store **out)
{
	spl_store *s = handle_new(o);

	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	s->fd = fd;
	int rc = spli_map_attach(s, o->flags & SPL_PREFAULT);
	if (!rc)
		rc = handle_start(s);
	if (rc)
		handle_free(s);
	else
		*out = s;
	return rc;
}

static int
open_name(const char *name, const struct spl_options *o, spl_store **out)
{
	char path[PATH_MAX];
	int rc = spli_map_path(path, name, o->kind);

	if (!rc)
		rc = spli_map_open(path, o->flags & SPL_READ_ONLY,
			o->flags & SPL_ANY_OWNER);
	return rc < 0 ? rc : attach(rc, o, out);
}

int
spl_create(const char *name, const struct spl_options *options, spl_store **out)
{
	struct spl_options o;
	int rc = options_read(&o, options);

	if (rc || !out)
		return -EINVAL;
	return create(name, &o, out);
}

int
spl_open(const char *name, const struct spl_options *options, spl_store **out)
{
	struct spl_options o;
	int rc = options_read(&o, options);

	if (rc || !out)
		return -EINVAL;
	return open_name(name, &o, out);
}

/* Open or create in turn, until one of the two finds what it needs. */
static int
either(bool create_first, const char *name, const struct spl_options *options,
	spl_store **out)
{
	bool creating = create_first;
	int rc = -EAGAIN;

	/* Again only when somebody made or removed it between two tries. */
	for (unsigned i = 0; i < 100; i++, creating = !creating) {
		rc = creating ? spl_create(name, options, out)
			      : spl_open(name, options, out);
		if (rc != (creating ? -EEXIST : -ENOENT))
			return rc;
	}
	return rc;
}

int
spl_open_or_create(
	const char *name, const struct spl_options *options, spl_store **out)
{
	return either(false, name, options, out);
}

int
spl_create_or_open(
	const char *name, const struct spl_options *options, spl_store **out)
{
	return either(true, name, options, out);
}

/*
 * A descriptor of our own. For reading only it must not be able to write,
 * either: it may be handed on. Only who may not open the file anew, being
 * another user, keeps a copy of what he was given.
 */
static int
take_descriptor(int fd, bool writable, bool read_only)
{
	char path[64];
	int own = -EACCES;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (writable && read_only)
		own = spli_map_open_file(path, O_RDONLY | O_NONBLOCK);
	if (own != -EACCES && own != -EPERM)
		return own;
	return spli_map_keep(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

int
spl_open_fd(int fd, const struct spl_options *options, spl_store **out)
{
	struct spl_options o;
	int rc = options_read(&o, options);

	if (rc || !out)
		return -EINVAL;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY ||
		((flags & O_ACCMODE) == O_RDONLY && !(o.flags & SPL_READ_ONLY)))
		return -EBADF;
	fd = take_descriptor(
		fd, (flags & O_ACCMODE) == O_RDWR, o.flags & SPL_READ_ONLY);
	return fd < 0 ? fd : attach(fd, &o, out);
}

int
spl_fd(const spl_store *s)
{
	return s ? s->fd : -EINVAL;
}

int
spl_close(spl_store *s)
{
	if (!s)
		return 0;
	spli_feeds_abandon(s);
	spli_waits_finish(s);
	spli_handle_stop(s);
	handle_free(s);
	return 0;
}

int
spl_destroy(const char *name, uint32_t kind)
{
	char path[PATH_MAX];
	uint32_t magic;
	int rc = spli_map_path(path, name, kind);
	int fd = rc ? rc : spli_map_open(path, true, false);

	if (fd < 0)
		return fd;
	ssize_t n = spli_map_read(fd, &magic, sizeof magic);
	close(fd);
	if (n < 0)
		return (int)n;
	if (n != (ssize_t)sizeof magic || magic != SPLI_MAGIC)
		return -EBADMSG;
	return unlink(path) ? -errno : 0;
}

int
spl_get(spl_store *s, const char *text, void *buf, size_t cap, size_t *len)
{
	struct spli_key key;
	struct spli_spot spot;
	struct spli_read read = {.buf = buf, .cap = cap};
	int rc = s && (buf || !cap) ? spli_key_make(&key, text) : -EINVAL;

	if (!rc)
		rc = spli_outcome(s, spli_get(s, &key, NULL, &read, &spot));
	if (len && (!rc || rc == -EMSGSIZE))
		*len = read.len;
	return rc;
}

int
spl_read(spl_store *s, const char *text, void *buf, size_t cap,
	struct spl_key_stat *stat)
{
	struct spli_key key;
	struct spli_spot spot;
	struct spli_read read = {.buf = buf, .cap = cap};
	int rc = s && stat && (buf || !cap) ? spli_key_make(&key, text)
					    : -EINVAL;

	if (!rc)
		rc = spli_outcome(s, spli_get(s, &key, NULL, &read, &spot));
	if (!rc || rc == -EMSGSIZE)
		spli_key_stat(s, stat, &spot, &read, key.text, key.hash);
	return rc;
}

int
spl_stat(spl_store *s, const char *text, struct spl_key_stat *stat)
{
	return spl_read(s, text, NULL, 0, stat);
}

/* Every kind of set comes through here. */
static int
set_key(spl_store *s, const char *text, struct spli_set *set)
{
	struct spli_key key;
	int rc = s ? spli_key_make(&key, text) : -EINVAL;

	if (rc)
		return rc;
	set->key = &key;
	return spli_outcome(s, spli_set(s, set));
}

int
spl_set(spl_store *s, const char *key, const void *val, size_t len)
{
	struct spli_set set = {.action = SPLI_SET, .val = val, .len = len};

	return set_key(s, key, &set);
}

int
spl_set_if(spl_store *s, const char *key, const void *val, size_t len,
	uint64_t epoch, uint64_t *now)
{
	struct spli_set set = {.action = SPLI_SET,
		.val = val,
		.len = len,
		.conditional = true,
		.epoch = epoch};
	int rc = set_key(s, key, &set);

	if (now && (!rc || rc == -ESTALE))
		*now = set.now;
	return rc;
}

int
spl_add(spl_store *s, const char *key, int64_t delta, int64_t *sum)
{
	struct spli_set set = {.action = SPLI_ADD, .delta = delta};
	int rc = set_key(s, key, &set);

	if (!rc && sum)
		*sum = set.sum;
	return rc;
}

int
spl_append(spl_store *s, const char *key, const void *val, size_t len,
	uint64_t *total)
{
	struct spli_set set = {.action = SPLI_APPEND, .val = val, .len = len};
	int rc = set_key(s, key, &set);

	if (!rc && total)
		*total = set.total;
	return rc;
}

int
spl_set_ttl(spl_store *s, const char *key, const void *val, size_t len,
	uint64_t ttl_ms)
{
	struct spli_set set = {.action = SPLI_SET, .val = val, .len = len};

	if (!s || !ttl_ms)
		return -EINVAL;
	set.expiry = spli_ttl_expiry(s, ttl_ms);
	return set_key(s, key, &set);
}

int
spl_expire(spl_store *s, const char *key, uint64_t ttl_ms)
{
	struct spli_set set = {.action = SPLI_EXPIRE};

	if (!s || !ttl_ms)
		return -EINVAL;
	set.expiry = spli_ttl_expiry(s, ttl_ms);
	return set_key(s, key, &set);
}

int64_t
spl_unset(spl_store *s, const char *text)
{
	struct spli_key key;
	int rc = s ? spli_key_make(&key, text) : -EINVAL;

	if (rc)
		return rc;
	int64_t len = spli_unset(s, &key);
	return spli_is_lost(s) ? -EIO : len;
}

int
spl_store_info(spl_store *s, struct spl_store_stat *stat)
{
	if (!s || !stat)
		return -EINVAL;
	const struct spli_header *h = s->header;
	const struct spli_geometry *g = &s->geo;
	uint64_t used = spli_pool_used(s);
	uint64_t low = spli_load(&h->low), high = spli_load(&h->high);

	*stat = (struct spl_store_stat){
		.magic = h->magic,
		.version = h->version,
		.slots = g->slots,
		.max_value = g->max_value,
		/* Every ring is full at all times. */
		.keys = used > g->ring_blocks ? used - g->ring_blocks : 0,
		.epoch = spli_feed_tail(s),
		.size = g->size,
		.reserved_size = g->blocks_off +
				 (high > low ? high - low : 0) * g->stride,
		.auto_vacuum = spli_vacuums(s),
		.writers = (uint32_t)g->writers,
		.read_only = s->read_only,
		.created_ns = h->created_ns,
		.parse_failures = spli_load(&h->parse_failures),
		.last_failure_epoch = spli_load(&h->last_failure_epoch),
		.repairs = spli_load(&h->repairs),
		.feed_len = g->feed_len,
		.wake_always = (s->features & SPLI_WAKE_ALWAYS) != 0,
		.waited_new = spli_load(&h->structure_waiters) & 1,
		.waited_any = spli_load(&s->feed->waiters) & 1,
	};
	memcpy(stat->id, h->id, sizeof stat->id);
	for (uint64_t e = 0; e < g->writers; e++)
		stat->writers_owned += spli_load(&s->writers[e].owner) != 0;
	return spli_outcome(s, 0);
}

int
spl_set_auto_vacuum(spl_store *s, int on, int32_t *busy_pid)
{
	if (!s || (on != 0 && on != 1))
		return -EINVAL;
	if (busy_pid)
		*busy_pid = 0;
	if (s->read_only)
		return -EROFS;
	return spli_outcome(s, spli_vacuum_switch(s, on, busy_pid));
}

int
spl_auto_vacuum(spl_store *s)
{
	return s ? spli_outcome(s, spli_vacuums(s)) : -EINVAL;
}

/*
 * References.
 */
struct spl_ref {
	spl_store *store;
	struct spli_key key;
	uint64_t hint; /* the slot where the key was last */
	char text[SPLI_KEY_SIZE];
};

int
spl_ref_open(spl_store *s, const char *text, spl_ref **out)
{
	struct spli_key key;
	int rc = s && out ? spli_key_make(&key, text) : -EINVAL;

	if (rc)
		return rc;
	spl_ref *ref = malloc(sizeof *ref);
	if (!ref)
		return -ENOMEM;
	*ref = (struct spl_ref){s, key, UINT64_MAX, ""};
	memcpy(ref->text, text, key.len);
	ref->key.text = ref->text;
	*out = ref;
	return 0;
}

int
spl_ref_get(spl_ref *ref, void *buf, size_t cap, size_t *len)
{
	struct spli_spot spot;
	struct spli_read read = {.buf = buf, .cap = cap};

	if (!ref || (!buf && cap))
		return -EINVAL;
	/* The hint may be shared by threads; any value is as good as it is. */
	uint64_t was = spli_load(&ref->hint), hint = was;
	int rc = spli_outcome(ref->store,
		spli_get(ref->store, &ref->key, &hint, &read, &spot));
	if (hint != was)
		spli_store(&ref->hint, hint);
	if (len && (!rc || rc == -EMSGSIZE))
		*len = read.len;
	return rc;
}

int
spl_ref_set(spl_ref *ref, const void *val, size_t len)
{
	if (!ref)
		return -EINVAL;
	uint64_t was = spli_load(&ref->hint), hint = was;
	struct spli_set set = {.action = SPLI_SET,
		.key = &ref->key,
		.hint = &hint,
		.val = val,
		.len = len};
	int rc = spli_outcome(ref->store, spli_set(ref->store, &set));
	if (hint != was)
		spli_store(&ref->hint, hint);
	return rc;
}

void
spl_ref_close(spl_ref *ref)
{
	free(ref);
}

/*
 * Zero-copy reads.
 */
int
spl_peek_begin(spl_store *s, const char *text, struct spl_peek *peek)
{
	struct spli_key key;
	struct spli_spot spot;
	struct spli_read read = {0};
	int rc = s && peek ? spli_key_make(&key, text) : -EINVAL;

	if (!rc)
		rc = spli_outcome(s, spli_get(s, &key, NULL, &read, &spot));
	if (rc)
		return rc;
	*peek = (struct spl_peek){
		.data = spot.block->bytes,
		.len = read.len,
		.epoch = read.epoch,
		.slot = spot.slot,
		.word = spot.word,
	};
	return 0;
}

int
spl_peek_stable(spl_store *s, const struct spl_peek *peek)
{
	if (!s || !peek || peek->slot >= s->geo.entries)
		return -EINVAL;
	uint64_t id = spli_word_block(s, peek->word);
	struct spli_block *block = spli_block(s, id);
	/* A block that there is was reserved when the peek began: a broken
	 * peer has moved the marks, and beginning again says so. */
	if (!block)
		return spli_outcome(
			s, id - 1 < s->geo.blocks ? -ESTALE : -EINVAL);
	spli_fence_acquire(); /* R3, around what the caller read */
	bool holds = spli_block_holds(s, block, peek->slot, peek->word);
	return spli_outcome(s, holds ? 0 : -ESTALE);
}
