/* SPDX-License-Identifier: Apache-2.0 */
#include "vacuum.h"

#include "pool.h"
#include "swap.h"
#include "writer.h"

enum {
	CHUNK = 256 /* blocks of the pool to a claim */
};

static int
scrub_ring(spl_store *s, uint32_t e, uint32_t name, int32_t *busy_pid)
{
	struct spli_writer *w = &s->writers[e];
	int rc = spli_lease_foreign(s, e, name);

	if (rc) {
		if (busy_pid)
			*busy_pid = (int32_t)(uint32_t)spli_load(&w->owner);
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

/* Blocks @from .. of the pool, a chunk of them. */
static int
scrub_pool(spl_store *s, uint64_t from)
{
	struct spli_lease lease;
	uint64_t to = from + CHUNK;
	int rc = spli_lease_take(s, &lease);

	if (rc)
		return rc;
	rc = spli_claim_take(&lease);
	if (!rc) {
		for (uint64_t id = from; id < to && id <= s->geo.blocks; id++) {
			struct spli_block *block = spli_block(s, id);
			if (block && spli_pool_has(s, id))
				spli_block_retire(s, block, true);
		}
		spli_claim_drop(&lease);
	}
	spli_lease_drop(&lease);
	return rc;
}

int
spli_vacuum_switch(spl_store *s, bool on, int32_t *busy_pid)
{
	struct spli_lease lease;
	uint64_t *flags = &s->header->flags;
	/* To have an entry whose name we can leave in others' leases. */
	int rc = spli_lease_take(s, &lease);

	if (rc)
		return rc;
	spli_lease_drop(&lease);
	if (!on) {
		__atomic_fetch_and(
			flags, ~(uint64_t)SPLI_AUTO_VACUUM, __ATOMIC_RELAXED);
		return 0;
	}
	/* Relaxed: the leases below carry it to every writer. */
	__atomic_fetch_or(flags, SPLI_AUTO_VACUUM, __ATOMIC_RELAXED);
	for (uint32_t e = 0; !rc && e < s->geo.writers; e++)
		rc = scrub_ring(s, e, lease.name, busy_pid);
	/* What is not reserved was never used. */
	uint64_t low = spli_load(&s->header->low);
	uint64_t high = spli_load(&s->header->high);
	if (high > s->geo.blocks + 1)
		high = s->geo.blocks + 1;
	for (uint64_t id = low; !rc && id < high; id += CHUNK)
		rc = scrub_pool(s, id);
	return rc;
}
