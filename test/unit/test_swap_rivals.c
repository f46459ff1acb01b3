/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap.c - a rival comes between two steps of a call: just between the look
 * and the swap, or before the claim. The call begins again, and both have
 * happened; who meets a rival each time gives up with EAGAIN.
 */
#include <limits.h>
#include <string.h>

#include "hook.h"
#include "map.h"
#include "swap.h"
#include "ttl.h"
#include "unit.h"
#include "vacuum.h"
#include "writer.h"

/* Two handles on one store; the rival's changes the key "k". */
struct pair {
	spl_store *s, *rival;
	unsigned times; /* that the rival sets it, at a time */
	const char *text; /* to this */
};

static struct pair
pair_open(uint32_t kind, bool vacuum)
{
	struct pair p = {.times = 1, .text = "rival"};

	p.s = unit_store(kind, 4, 40);
	spl_set_auto_vacuum(p.s, vacuum, NULL);
	p.rival = unit_again(p.s, 0);
	/* Both have their rings. */
	unit_set(p.s, "a", "");
	unit_set(p.rival, "b", "");
	return p;
}

static void
pair_drop(struct pair *p, const char *what)
{
	CHECK(!unit_misplaced(p->s) && !spli_load(&p->s->header->claim),
		"%s: every block is in its place", what);
	spl_close(p->rival);
	unit_drop(p->s);
}

static void
rival_sets(void *arg)
{
	struct pair *p = arg;

	for (unsigned i = 0; i < p->times; i++)
		EXPECT(unit_set(p->rival, "k", p->text) == 0);
}

static void
rival_unsets(void *arg)
{
	EXPECT(spl_unset(((struct pair *)arg)->rival, "k") >= 0);
}

/* Just before the swap, and so the swap fails. */
static void
before_the_swap(uint32_t kind, bool vacuum)
{
	struct pair p = pair_open(kind, vacuum);
	struct hook rival = {.before = rival_sets, .arg = &p};
	int64_t sum = 0;

	unit_set(p.s, "k", "old");
	hook_set(HOOK_spli_record_begin, rival);
	CHECK_RC(unit_set(p.s, "k", "ours"), 0);
	CHECK(hook_end(HOOK_spli_record_begin) == 1 &&
			unit_epoch(p.s, "k") == 6 && unit_is(p.s, "k", "ours"),
		"set: the rival's, then ours");
	unit_set(p.s, "k", "1");
	p.text = "10";
	hook_set(HOOK_spli_record_begin, rival);
	CHECK_RC(spl_add(p.s, "k", 1, &sum), 0);
	CHECK(sum == 11 && unit_is(p.s, "k", "11"), "add: to the rival's");
	hook_set(HOOK_spli_record_begin, rival);
	CHECK(spl_unset(p.s, "k") == 2 && unit_is(p.s, "k", NULL),
		"unset: what the rival has set");
	hook_end(HOOK_spli_record_begin);
	pair_drop(&p, "before the swap");
}

/* Just after the look: what was found is not there any more. */
static void
after_the_look(bool vacuum)
{
	struct pair p = pair_open(TEST_KIND, vacuum);
	struct hook rival = {.after = rival_sets, .arg = &p};
	uint64_t epoch;
	int64_t sum;

	/* Often enough that the block found has been filled again. */
	p.times = 3 * SPLI_RING;
	unit_set(p.s, "k", "5");
	hook_set(HOOK_spli_table_find, rival);
	CHECK_RC(spl_set_if(p.s, "k", "x", 1, 77, &epoch), -ESTALE);
	CHECK(epoch == unit_epoch(p.s, "k"), "a condition on the new epoch");
	p.text = "5";
	hook_set(HOOK_spli_table_find, rival);
	CHECK(spl_add(p.s, "k", 1, &sum) == 0 && sum == 6, "a sum");
	hook_set(HOOK_spli_table_find, rival);
	CHECK(spl_append(p.s, "k", "7", 1, NULL) == 0 &&
			unit_is(p.s, "k", "57"),
		"an append to what is there now");
	/* What it found was short enough, and what it met there is not. */
	p.text = "0123456789012345678901234567890123456789";
	hook_set(HOOK_spli_table_find, rival);
	CHECK_RC(spl_append(p.s, "k", "7", 1, NULL), -EMSGSIZE);
	hook_set(HOOK_spli_table_find, rival);
	CHECK(spl_unset(p.s, "k") == 40, "unset: the new value's length");
	CHECK(hook_end(HOOK_spli_table_find) == 1, "to the last");
	pair_drop(&p, "after the look");
}

/* The key comes while we are about to insert it. */
static void
inserted_meanwhile(void)
{
	struct pair p = pair_open(TEST_KIND, true);

	hook_set(HOOK_spli_claim_take,
		(struct hook){.before = rival_sets, .arg = &p});
	CHECK_RC(unit_set(p.s, "k", "ours"), 0);
	CHECK(unit_epoch(p.s, "k") == 4 && unit_is(p.s, "k", "ours"),
		"an insert becomes an update");
	spl_unset(p.s, "k");
	hook_set(HOOK_spli_claim_take,
		(struct hook){.before = rival_sets, .arg = &p});
	CHECK_RC(spl_set_if(p.s, "k", "ours", 4, 0, NULL), -ESTALE);
	CHECK(unit_is(p.s, "k", "rival"), "or is refused");
	hook_set(HOOK_spli_claim_take,
		(struct hook){.before = rival_unsets, .arg = &p});
	CHECK_RC(spl_unset(p.s, "k"), -ENOENT);
	hook_end(HOOK_spli_claim_take);
	pair_drop(&p, "under the claim");
}

/* Each time that we look there is another value. */
static void
without_end(void)
{
	struct pair p = pair_open(TEST_KIND, true);
	struct hook before = {
		.before = rival_sets, .arg = &p, .times = UINT_MAX};
	struct hook after = {.after = rival_sets, .arg = &p, .times = UINT_MAX};
	struct spl_key_stat stat;
	spl_list *list;
	char buf[40];
	size_t len;

	unit_set(p.s, "k", "old");
	hook_set(HOOK_spli_record_begin, before);
	CHECK_RC(unit_set(p.s, "k", "ours"), -EAGAIN);
	CHECK(hook_end(HOOK_spli_record_begin) == SPLI_TRIES,
		"set gives up after %d tries", SPLI_TRIES);
	hook_set(HOOK_spli_table_find, after);
	CHECK_RC(spl_get(p.s, "k", buf, sizeof buf, &len), -EAGAIN);
	CHECK_RC(spl_unset(p.s, "k"), -EAGAIN);
	CHECK(hook_end(HOOK_spli_table_find) == 2 * SPLI_TRIES,
		"so do get and unset");
	spl_unset(p.s, "a");
	spl_unset(p.s, "b");
	spl_list_begin(p.s, NULL, NULL, &list);
	hook_set(HOOK_spli_table_look, after);
	CHECK_RC(spl_list_next(list, &stat), -EAGAIN);
	CHECK(hook_end(HOOK_spli_table_look) >= SPLI_TRIES, "so does a walk");
	CHECK_RC(spl_list_next(list, &stat), 0);
	spl_list_end(list);
	CHECK(unit_is(p.s, "k", "rival"), "the rival's value stands");
	pair_drop(&p, "without end");
}

static void
rival_reclaims(void *arg)
{
	EXPECT(spl_reclaim(((struct pair *)arg)->rival) == 1);
}

/* What has expired is replaced just before it is reclaimed. */
static void
replaced_before_it_is_reclaimed(void)
{
	struct pair p = pair_open(TEST_KIND, true);
	struct hook rival = {.before = rival_sets, .arg = &p};

	spl_set_ttl(p.s, "k", "old", 3, 1);
	while (unit_is(p.s, "k", "old"))
		unit_moment();
	hook_set(HOOK_spli_record_begin, rival);
	CHECK_RC(spl_reclaim(p.s), 0);
	CHECK(hook_end(HOOK_spli_record_begin) == 1 &&
			unit_is(p.s, "k", "rival"),
		"replaced before the swap");
	spl_set_ttl(p.s, "k", "old", 3, 1);
	while (unit_is(p.s, "k", "old"))
		unit_moment();
	hook_set(HOOK_spli_claim_take, rival);
	CHECK_RC(spl_reclaim(p.s), 0);
	CHECK(unit_is(p.s, "k", "rival"), "replaced before the claim");
	spl_set_ttl(p.s, "k", "old", 3, 1);
	while (unit_is(p.s, "k", "old"))
		unit_moment();
	hook_set(HOOK_spli_claim_take,
		(struct hook){.before = rival_reclaims, .arg = &p});
	CHECK_RC(spl_reclaim(p.s), 0);
	CHECK(unit_is(p.s, "k", NULL), "reclaimed by the rival");
	spl_set_ttl(p.s, "k", "old", 3, 1);
	while (unit_is(p.s, "k", "old"))
		unit_moment();
	hook_set(HOOK_spli_claim_take, (struct hook){.error = EAGAIN});
	CHECK_RC(spl_reclaim(p.s), -EAGAIN);
	/* A set into a full store: the second time, the claim is busy. */
	unit_set(p.s, "c", "");
	hook_set(HOOK_spli_claim_take,
		(struct hook){.error = EAGAIN, .skip = 1});
	CHECK_RC(unit_set(p.s, "d", ""), -EAGAIN);
	CHECK(hook_end(HOOK_spli_claim_take) == 1, "a busy claim is told");
	CHECK(unit_set(p.s, "d", "ours") == 0 && unit_is(p.s, "d", "ours"),
		"and then there is room");
	pair_drop(&p, "reclaiming");
}

static void
rival_grows(void *arg)
{
	spl_store *s = ((struct pair *)arg)->rival;

	EXPECT(spli_reserve_up(s, s->geo.blocks) == 0);
}

/* The store grows, and somebody else has just seen to it. */
static void
grown_meanwhile(void)
{
	struct pair p = pair_open(SPL_MEMFD, true);
	uint64_t high = p.s->header->high;

	/* As if nothing were reserved behind what is in use. */
	p.s->header->high = p.s->geo.ring_blocks + 3;
	hook_set(HOOK_spli_reserve_up,
		(struct hook){.before = rival_sets, .arg = &p});
	CHECK_RC(unit_set(p.s, "new", "ours"), 0);
	CHECK(hook_end(HOOK_spli_reserve_up) == 1 &&
			p.s->header->high == high && unit_is(p.s, "k", "rival"),
		"both have found room");
	/* And again, while we are asking the kernel for less. */
	p.s->header->high = p.s->geo.ring_blocks + 3;
	hook_set(HOOK_fallocate,
		(struct hook){.before = rival_grows, .arg = &p});
	CHECK_RC(spli_reserve_up(p.s, p.s->geo.ring_blocks + 3), 0);
	CHECK(hook_end(HOOK_fallocate) == 1 &&
			p.s->header->high == p.s->geo.blocks + 1,
		"the mark stays where the rival has moved it");
	pair_drop(&p, "growing");
}

/* Nobody may do that: the slot is not its any more when it inserts. */
static void
break_word(void *arg)
{
	spl_store *s = arg;

	for (uint64_t i = 0; i < s->geo.entries; i++)
		if (!spli_word_block(s, s->table[i].word))
			s->table[i].word++;
}

static void
a_broken_peer(void)
{
	struct pair p = pair_open(TEST_KIND, true);

	hook_set(HOOK_spli_table_claim,
		(struct hook){.after = break_word, .arg = p.s});
	CHECK_RC(unit_set(p.s, "k", "ours"), 0);
	CHECK(hook_end(HOOK_spli_table_claim) == 1 && unit_is(p.s, "k", "ours"),
		"an insert whose slot is taken away takes another try");
	pair_drop(&p, "a broken peer");
}

static void
switched_on_twice(void)
{
	struct pair p = pair_open(TEST_KIND, false);
	int32_t pid = 1;

	/* The first lease is that of its own entry, the second the pool's. */
	hook_set(HOOK_spli_lease_take, (struct hook){.error = EAGAIN});
	CHECK_RC(spl_set_auto_vacuum(p.s, 1, &pid), -EAGAIN);
	CHECK(!pid, "no entry to be had, and nobody to name");
	hook_set(HOOK_spli_lease_take,
		(struct hook){.error = EAGAIN, .skip = 1});
	CHECK_RC(spl_set_auto_vacuum(p.s, 1, &pid), -EAGAIN);
	hook_end(HOOK_spli_lease_take);
	p.s->header->claim = 2; /* the rival's entry */
	hook_set(HOOK_spli_claim_take, (struct hook){.error = EAGAIN});
	CHECK_RC(spl_set_auto_vacuum(p.s, 1, &pid), -EAGAIN);
	CHECK(pid == getpid(), "who holds the claim is named");
	p.s->header->claim = 77;
	hook_set(HOOK_spli_claim_take, (struct hook){.error = EAGAIN});
	CHECK_RC(spl_set_auto_vacuum(p.s, 1, &pid), -EAGAIN);
	CHECK(!pid, "nobody, where it is garbage");
	hook_end(HOOK_spli_claim_take);
	p.s->header->claim = 0;
	CHECK(p.s->header->scrubs_done != p.s->header->scrubs_begun,
		"what has failed is not done");
	CHECK_RC(spl_set_auto_vacuum(p.s, 1, &pid), 0);
	CHECK(p.s->header->scrubs_done == p.s->header->scrubs_begun,
		"now it is");
	pair_drop(&p, "vacuum");
}

static void
rival_switches(void *arg)
{
	EXPECT(spl_set_auto_vacuum(((struct pair *)arg)->rival, 1, NULL) == 0);
}

static void
switched_on_meanwhile(void)
{
	struct pair p = pair_open(TEST_KIND, false);

	p.s->header->low = 0; /* garbage: blocks begin at 1 */
	/* The first lease is only for a name. */
	hook_set(HOOK_spli_lease_drop,
		(struct hook){.after = rival_switches, .arg = &p, .skip = 1});
	CHECK_RC(spl_set_auto_vacuum(p.s, 1, NULL), 0);
	CHECK(hook_end(HOOK_spli_lease_drop) == 1 &&
			p.s->header->scrubs_done == 2,
		"a later scrub's number stands");
	p.s->header->low = p.s->geo.ring_blocks - 2 * p.s->geo.ring + 1;
	pair_drop(&p, "two switches");
}

void
test_swap_rivals(void)
{
	for (int i = 0; i < 2; i++) {
		before_the_swap(unit_kinds[i], true);
		before_the_swap(unit_kinds[i], false);
	}
	after_the_look(true);
	after_the_look(false);
	inserted_meanwhile();
	without_end();
	replaced_before_it_is_reclaimed();
	grown_meanwhile();
	a_broken_peer();
	switched_on_twice();
	switched_on_meanwhile();
}
