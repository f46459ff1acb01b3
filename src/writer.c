/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "map.h"
#include "repair.h"
#include "ttl.h"

uint64_t
spli_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool
spli_patience_left(struct spli_patience *p)
{
	if (p->rounds++ < 64) {
		spli_pause();
		return true;
	}
	uint64_t now = spli_now_ns();
	if (!p->deadline_ns)
		p->deadline_ns = now + SPL_WAIT_BOUND_MS * UINT64_C(1000000);
	if (now >= p->deadline_ns)
		return false;
	if (p->rounds < 80) {
		sched_yield();
	} else {
		long ns = p->rounds < 100 ? 50000 : 1000000;
		nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
	}
	return true;
}

/*
 * The kernel's lock. All of these run under s->mutex: to the kernel, a
 * process's threads are one owner.
 */
static int
lock_set(spl_store *s, uint32_t e, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(s->geo.writers_off +
				   e * sizeof(struct spli_writer)),
		.l_len = 1,
	};
	int rc;

	do
		rc = fcntl(s->lock_fd, F_OFD_SETLK, &lock);
	while (rc && errno == EINTR);
	return !rc ? 0 : errno == EACCES ? -EAGAIN : -errno;
}

/* The description the locks live on: our own, never passed on. */
static int
lock_open(spl_store *s)
{
	char path[64];

	if (s->lock_fd >= 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
	int fd = spli_map_open_file(path, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return fd;
	s->lock_fd = fd;
	return 0;
}

static int rescue(spl_store *s, uint32_t e);

/*
 * Entry @e is leased by @holder, a switcher of auto-vacuum (see
 * spli_lease_foreign). If he is dead, his repair lets go of it.
 */
static void
lease_unblock(spl_store *s, uint32_t e, uint32_t holder)
{
	if (holder - 1 < s->geo.writers)
		rescue(s, holder - 1);
	else
		/* Nobody can be called that: garbage. */
		spli_cas(&s->writers[e].lease, &holder, 0);
}

/*
 * Entry @e's byte is locked, its owner dead: whatever is leased in its name,
 * he leased. Without this the next owner would seem to hold it.
 */
static void
lease_forget(spl_store *s, uint32_t e)
{
	for (uint32_t i = 0; i < s->geo.writers; i++) {
		uint32_t name = e + 1;
		if (i != e)
			spli_cas(&s->writers[i].lease, &name, 0);
	}
}

/* The lease of an entry that has just become ours. Does not wait. */
static int
lease_inherit(spl_store *s, uint32_t e)
{
	uint32_t *lease = &s->writers[e].lease;
	uint32_t name = e + 1;

	for (int tries = 0; tries < 2; tries++) {
		uint32_t holder = 0;
		if (spli_cas(lease, &holder, name) || holder == name)
			return 0; /* free, or the dead owner's: ours now */
		lease_unblock(s, e, holder);
	}
	return -EAGAIN; /* a living switcher's */
}

/*
 * Become the owner of entry @e, repair it, hold its lease; or leave it as it
 * was: -EAGAIN, somebody alive has it.
 */
static int
adopt(spl_store *s, uint32_t e)
{
	struct spli_writer *w = &s->writers[e];
	int rc = lock_open(s);

	if (!rc)
		rc = lock_set(s, e, F_WRLCK);
	if (rc)
		return rc;
	uint64_t former = spli_load_acquire(&w->owner);
	spli_store(&w->since, spli_time_ns(s));
	spli_store_release(&w->owner, s->owner);
	s->is_mine[e] = 1;
	/* First: a switcher we are about to rescue may need one of these. */
	lease_forget(s, e);
	rc = lease_inherit(s, e);
	if (rc) {
		s->is_mine[e] = 0;
		spli_store_release(&w->owner, former);
		lock_set(s, e, F_UNLCK);
		return rc;
	}
	spli_repair(s, e);
	if (former)
		spli_add_relaxed(&s->header->repairs, 1);
	return 0;
}

static void
disown(spl_store *s, uint32_t e)
{
	spli_store_release(&s->writers[e].lease, 0);
	spli_store_release(&s->writers[e].owner, 0);
	s->is_mine[e] = 0;
	lock_set(s, e, F_UNLCK);
}

/*
 * Repair entry @e, and leave it to nobody, if its owner is dead. Adopting it
 * may need another's rescue (see lease_unblock), and so on: never the same
 * twice, and not deeper than a switcher that died on a dead switcher's entry
 * needs, whatever a hostile peer writes into the leases.
 */
static int
rescue(spl_store *s, uint32_t e)
{
	enum { DEPTH = 4 };

	if (s->is_mine[e] || s->rescues == DEPTH)
		return -EAGAIN;
	s->rescues++;
	int rc = adopt(s, e);
	if (!rc)
		disown(s, e);
	s->rescues--;
	return rc;
}

/* Give entry @e the spare blocks that are its own from the start. */
static int
ring_fill(spl_store *s, uint32_t e)
{
	struct spli_writer *w = &s->writers[e];
	uint64_t ring = s->geo.ring;
	uint64_t first = s->geo.ring_blocks - (e + 1) * ring + 1;

	if (spli_load_acquire(&w->ready))
		return 0;
	int rc = spli_reserve_down(s, first);
	for (uint64_t i = 0; !rc && i < ring; i++) {
		struct spli_block *block = spli_block(s, first + i);
		if (!block)
			return -EBADMSG;
		spli_store(&block->owner, e + 1);
		spli_store(&w->spare[i], (uint32_t)(first + i));
	}
	if (!rc)
		spli_store_release(&w->ready, 1);
	return rc;
}

/* Adopt entry @e for our writes. On success it is leased. */
static int
own(spl_store *s, uint32_t e)
{
	int rc = adopt(s, e);

	if (rc)
		return rc;
	rc = ring_fill(s, e);
	if (rc) {
		disown(s, e);
		return rc;
	}
	s->mine[s->mine_count] = e;
	/* Release: pairs with lease_take's load, which then reads mine[]. */
	spli_store_release(&s->mine_count, s->mine_count + 1);
	return 0;
}

/* One entry more: a free one, or else a dead owner's. */
static int
own_another(spl_store *s, uint32_t known, uint32_t *e)
{
	/* Half of all at most, so that no process starves the others. */
	uint64_t most = (s->geo.writers + 1) / 2;
	int rc = -EAGAIN, full = -EAGAIN;

	pthread_mutex_lock(&s->mutex);
	if (s->mine_count != known || known >= most)
		goto out;
	for (int dead = 0; dead <= 1; dead++) {
		for (*e = 0; *e < s->geo.writers; ++*e) {
			if (s->is_mine[*e] ||
				(spli_load(&s->writers[*e].owner) != 0) != dead)
				continue;
			rc = own(s, *e);
			/* Another one may have its ring already. */
			if (rc == -ENOSPC)
				full = rc;
			else if (rc != -EAGAIN)
				goto out;
		}
	}
	rc = full;
out:
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

/* A switcher may have died with the lease of one of ours. */
static void
take_back(spl_store *s, uint32_t e)
{
	uint32_t holder = spli_load(&s->writers[e].lease);

	if (!holder || holder == e + 1)
		return;
	pthread_mutex_lock(&s->mutex);
	lease_unblock(s, e, holder);
	pthread_mutex_unlock(&s->mutex);
}

/* Lease one of the entries that are ours already. */
static bool
lease_mine(spl_store *s, uint32_t count, bool tried, uint32_t *e)
{
	/* Where the thread looks first: it soon has an entry of its own. */
	static _Thread_local uint32_t last;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (last + i) % count, idle = 0;
		*e = s->mine[at];
		if (tried)
			take_back(s, *e);
		if (spli_cas(&s->writers[*e].lease, &idle, *e + 1)) {
			last = at;
			return true;
		}
	}
	return false;
}

int
spli_lease_take(spl_store *s, struct spli_lease *lease)
{
	struct spli_patience p = {0};
	uint32_t e;

	if (s->read_only)
		return -EROFS;
	if (spli_is_lost(s))
		return -EIO;
	do {
		uint32_t count = spli_load_acquire(&s->mine_count);
		if (lease_mine(s, count, spli_patience_tried(&p), &e))
			break;
		int rc = own_another(s, count, &e);
		if (!rc)
			break;
		if (rc != -EAGAIN)
			return rc;
		if (!spli_patience_left(&p))
			return -EAGAIN;
	} while (true);
	*lease = (struct spli_lease){s, &s->writers[e], e + 1, false};
	/* The lease's compare-and-swap has acquired what a switcher released
	 * with it: after he has been here, the flag is seen. */
	lease->vacuum = spli_vacuums(s);
	return 0;
}

void
spli_lease_drop(struct spli_lease *lease)
{
	/* Release: the ring and all blocks in it, for who leases next. */
	spli_store_release(&lease->writer->lease, 0);
}

int
spli_lease_foreign(spl_store *s, uint32_t e, uint32_t name)
{
	struct spli_patience p = {0};
	uint32_t *lease = &s->writers[e].lease;

	do {
		uint32_t holder = 0;
		if (spli_cas(lease, &holder, name))
			return 0;
		if (!spli_patience_tried(&p))
			continue;
		pthread_mutex_lock(&s->mutex);
		lease_unblock(s, e, holder);
		pthread_mutex_unlock(&s->mutex);
	} while (spli_patience_left(&p));
	return -EAGAIN;
}

int
spli_claim_take(struct spli_lease *lease)
{
	spl_store *s = lease->store;
	struct spli_patience p = {0};
	uint32_t *claim = &s->header->claim;

	do {
		uint32_t holder = 0;
		/* Acquire: pairs with the release in spli_claim_drop. */
		if (spli_cas(claim, &holder, lease->name))
			return 0;
		if (!spli_patience_tried(&p))
			continue;
		if (holder - 1 < s->geo.writers)
			spli_writer_rescue(s, holder - 1);
		else if (spli_cas(claim, &holder, lease->name))
			return 0; /* nobody can be called that */
	} while (spli_patience_left(&p));
	return -EAGAIN;
}

void
spli_claim_drop(struct spli_lease *lease)
{
	spli_store_release(&lease->store->header->claim, 0);
}

int
spli_writer_rescue(spl_store *s, uint32_t e)
{
	pthread_mutex_lock(&s->mutex);
	int rc = rescue(s, e);
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

void
spli_writers_rescue(spl_store *s)
{
	for (uint32_t e = 0; e < s->geo.writers; e++)
		if (spli_load(&s->writers[e].owner))
			spli_writer_rescue(s, e);
}

void
spli_record_begin(struct spli_writer *w, enum spli_kind kind, uint64_t slot,
	uint64_t old, uint32_t block, uint32_t extra)
{
	struct spli_record *r = &w->record;
	uint64_t sequence = (spli_load(&r->op) >> SPLI_KIND_BITS) + 1;

	/* A repairer of a rival reads this beside us: with op first gone and
	 * last back he never takes fields of two records for one (the fence
	 * pairs with his acquire fence, the release with his acquire). The
	 * first store releases as well: who reads it knows that the record
	 * before is done, and with it the mark on what that displaced. */
	spli_store_release(&r->op, sequence << SPLI_KIND_BITS | SPLI_IDLE);
	spli_fence_release();
	spli_store(&r->slot, slot);
	spli_store(&r->old, old);
	spli_store(&r->block, block);
	spli_store(&r->extra, extra);
	spli_store_release(&r->op, sequence << SPLI_KIND_BITS | kind);
}

void
spli_record_turn(struct spli_writer *w, enum spli_kind kind)
{
	uint64_t op = spli_load(&w->record.op) >> SPLI_KIND_BITS;

	/* Release: who sees this sees the displaced block marked. */
	spli_store_release(&w->record.op, op << SPLI_KIND_BITS | kind);
}

static uint64_t
owner_make(void)
{
	return spli_now_ns() << 32 | (uint32_t)getpid();
}

void
spli_writers_forked(spl_store *s)
{
	if (s->read_only)
		return;
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
	s->owner = owner_make();
	s->mine_count = 0;
	memset(s->is_mine, 0, s->geo.writers);
	/* Now, while it may: a child often drops its privileges. If not, again
	 * when it writes. */
	lock_open(s);
}

int
spli_writers_prepare(spl_store *s)
{
	if (s->read_only)
		return 0;
	s->owner = owner_make();
	s->mine = calloc(s->geo.writers, sizeof *s->mine);
	s->is_mine = calloc(s->geo.writers, 1);
	if (!s->mine || !s->is_mine)
		return -ENOMEM;
	return lock_open(s);
}

void
spli_writers_stop(spl_store *s)
{
	if (s->read_only)
		return;
	for (uint32_t e = 0; e < s->geo.writers; e++)
		if (s->is_mine[e])
			spli_store_release(&s->writers[e].owner, 0);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
}

int
spl_writers(spl_store *s, struct spl_writer_stat *stats, size_t count)
{
	uint64_t now;
	int owned = 0;

	if (!s || (count && !stats))
		return -EINVAL;
	now = spli_time_ns(s);
	for (uint32_t e = 0; e < s->geo.writers; e++) {
		const struct spli_writer *w = &s->writers[e];
		/* Acquire: pairs with adopt(), which stores since before. */
		uint64_t owner = spli_load_acquire(&w->owner);
		uint64_t since = spli_load(&w->since);
		if (!owner)
			continue;
		if ((size_t)owned++ >= count)
			continue;
		*stats++ = (struct spl_writer_stat){
			.entry = e,
			.pid = (int32_t)(uint32_t)owner,
			.age_ms = now > since ? (now - since) / 1000000 : 0,
			.writes = spli_load(&w->record.op) >> SPLI_KIND_BITS,
			.busy = spli_load(&w->lease) != 0,
			.claim = spli_load(&s->header->claim) == e + 1,
		};
	}
	return spli_outcome(s, owned);
}
