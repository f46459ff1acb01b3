/* SPDX-License-Identifier: Apache-2.0 */
#include "vacuum.h"

#include "pool.h"
#include "swap.h"
#include "writer.h"

enum {
	CHUNK_BYTES = 1 << 20, /* of the pool, to a claim */
	CHUNK_BLOCKS = 256
};

/* The process that owns the entry called @name, 0 for none. */
static int32_t
owner_pid(const spl_store *s, uint32_t name)
{
	if (name - 1 >= s->geo.writers)
		return 0;
	return (int32_t)(uint32_t)spli_load(&s->writers[name - 1].owner);
}

static int
scrub_ring(spl_store *s, uint32_t e, uint32_t name, int32_t *busy_pid)
{
	struct spli_writer *w = &s->writers[e];
	int rc = spli_lease_foreign(s, e, name);

	if (rc) {
		*busy_pid = owner_pid(s, spli_load(&w->lease));
		return rc;
	}
	for (uint64_t i = 0; spli_load(&w->ready) && i < s->geo.ring; i++) {
		struct spli_block *block =
			spli_block(s, spli_load(&w->spare[i]));
		if (block)
			spli_block_retire(s, block, true);
	}
	/* Release: pairs with the acquire of who leases next, who then sees
	 * the flag. */
	spli_store_release(&w->lease, 0);
	return 0;
}

/* Blocks of the pool, from *@id on: a chunk under one claim. */
static int
scrub_pool(spl_store *s, uint64_t *id, int32_t *busy_pid)
{
	uint64_t count = CHUNK_BYTES / s->geo.stride + 1;
	struct spli_lease lease;
	int rc = spli_lease_take(s, &lease);

	if (rc)
		return rc;
	rc = spli_claim_take(&lease);
	if (rc) {
		*busy_pid = owner_pid(s, spli_load(&s->header->claim));
	} else {
		if (count > CHUNK_BLOCKS)
			count = CHUNK_BLOCKS;
		for (; count-- && *id <= s->geo.blocks; ++*id) {
			struct spli_block *block = spli_block(s, *id);
			if (block && spli_pool_has(s, *id))
				spli_block_retire(s, block, true);
		}
		spli_claim_drop(&lease);
	}
	spli_lease_drop(&lease);
	return rc;
}

/* All rings, then the pool. */
static int
scrub(spl_store *s, int32_t *busy_pid)
{
	struct spli_lease lease;
	/* To have an entry whose name we can leave in others' leases. */
	int rc = spli_lease_take(s, &lease);

	if (rc)
		return rc;
	spli_lease_drop(&lease);
	for (uint32_t e = 0; !rc && e < s->geo.writers; e++)
		rc = scrub_ring(s, e, lease.name, busy_pid);
	/* What is not reserved was never used. */
	uint64_t id = spli_load(&s->header->low);
	uint64_t high = spli_load(&s->header->high);
	if (id < 1)
		id = 1;
	while (!rc && id < high && id <= s->geo.blocks)
		rc = scrub_pool(s, &id, busy_pid);
	return rc;
}

/* Scrub, and say so: everything begun up to @number is done. */
static int
scrub_up_to(spl_store *s, uint64_t number, int32_t *busy_pid)
{
	uint64_t *done = &s->header->scrubs_done;
	int rc = scrub(s, busy_pid);
	uint64_t seen = spli_load(done);

	while (!rc && seen < number && !spli_cas(done, &seen, number))
		;
	return rc;
}

int
spli_vacuum_switch(spl_store *s, bool on, int32_t *busy_pid)
{
	struct spli_header *h = s->header;
	int32_t pid = 0;

	if (!on) {
		__atomic_fetch_and(&h->flags, ~(uint64_t)SPLI_AUTO_VACUUM,
			__ATOMIC_RELAXED);
		return 0;
	}
	uint64_t mine = spli_add_relaxed(&h->scrubs_begun, 1) + 1;
	/* Release: with the flag it is seen that a scrub was begun. Relaxed
	 * would do for the writers: the leases carry it to them. */
	__atomic_fetch_or(&h->flags, SPLI_AUTO_VACUUM, __ATOMIC_RELEASE);
	int rc = scrub_up_to(s, mine, &pid);
	if (busy_pid)
		*busy_pid = pid;
	return rc;
}

void
spli_vacuum_resume(spl_store *s)
{
	uint64_t begun = spli_load(&s->header->scrubs_begun);
	int32_t pid;

	/* Leaves the flag alone: somebody may just switch it off. */
	if (!s->read_only && spli_vacuums(s) &&
		spli_load(&s->header->scrubs_done) != begun)
		scrub_up_to(s, begun, &pid);
}
