/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - spl_writers: who owns the store's writer entries; and where the
 * kernel's lock is that says who lives.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "writer.h"

enum { ENTRIES = 8 };

static void
own_entries(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *again = unit_again(s, 0);
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	struct spl_writer_stat w[ENTRIES];
	struct spli_lease lease;

	CHECK_RC(spl_writers(s, NULL, 0), 0);
	unit_set(s, "k", "1");
	unit_set(s, "k", "2");
	spl_unset(s, "k");
	memset(w, 0xff, sizeof w);
	CHECK_RC(spl_writers(s, w, ENTRIES), 1);
	CHECK(w[0].entry == 0 && w[0].pid == getpid() && w[0].writes == 3 &&
			!w[0].busy && !w[0].claim && w[0].age_ms < 600000,
		"one, with three writes");
	CHECK(w[1].pid == -1, "no more are filled");
	unit_set(again, "k", "1");
	unit_set(again, "k", "too long a value");
	CHECK_RC(spl_writers(r, w, ENTRIES), 2);
	CHECK(w[1].entry == 1 && w[1].pid == getpid() && w[1].writes == 1,
		"another handle's, through a read-only one");
	memset(w, 0xff, sizeof w);
	CHECK_RC(spl_writers(s, w, 1), 2);
	CHECK(w[0].entry == 0 && w[1].pid == -1, "only so many are wanted");
	CHECK_RC(spl_writers(s, NULL, 0), 2);
	CHECK_RC(spl_writers(s, NULL, 1), -EINVAL);
	CHECK_RC(spl_writers(NULL, w, 1), -EINVAL);
	CHECK_RC(spli_lease_take(s, &lease), 0);
	CHECK(spl_writers(r, w, ENTRIES) == 2 && w[0].busy && !w[0].claim &&
			!w[1].busy,
		"busy");
	CHECK_RC(spli_claim_take(&lease), 0);
	CHECK(spl_writers(r, w, ENTRIES) == 2 && w[0].claim && !w[1].claim,
		"with the claim");
	spli_claim_drop(&lease);
	spli_lease_drop(&lease);
	CHECK(spl_writers(r, w, ENTRIES) == 2 && !w[0].busy && !w[0].claim,
		"and without");
	spl_close(again);
	CHECK_RC(spl_writers(r, w, ENTRIES), 1);
	spl_close(r);
	unit_drop(s);
}

static void
write_and_stay(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *s;

	if (!EXPECT(spl_open(arg, &o, &s) == 0))
		return;
	EXPECT(unit_set(s, "k", "by the child") == 0);
	unit_post(0, 1);
	unit_await(1, 1);
	EXPECT(spl_close(s) == 0);
}

static void
entries_of_others(bool killed)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	struct spl_writer_stat w[ENTRIES];

	unit_set(s, "k", "");
	unit_board_clear();
	struct unit_child c =
		unit_fork(write_and_stay, (void *)(uintptr_t)unit_name_of(s));
	unit_await(0, 1);
	CHECK(spl_writers(s, w, ENTRIES) == 2 && w[0].pid == getpid() &&
			w[1].pid == c.pid && w[1].writes == 1,
		"a child's has its process id");
	if (killed) {
		unit_kill(&c);
		CHECK_RC(spl_writers(s, w, ENTRIES), 2);
		spl_close(unit_again(s, 0));
		CHECK(spl_writers(s, NULL, 0) <= 2, "one of a dead process");
	} else {
		unit_post(1, 1);
		CHECK(!unit_join(&c), "the child closes");
		CHECK_RC(spl_writers(s, w, ENTRIES), 1);
	}
	unit_drop(s);
}

static void
garbage(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_writer_stat w[ENTRIES];

	unit_set(s, "k", "");
	memset(s->writers, 0xff, s->geo.writers * sizeof *s->writers);
	CHECK_RC(spl_writers(s, w, ENTRIES), (int)s->geo.writers);
	CHECK(w[0].busy == 1 && w[7].entry == 7, "garbage is only told");
	memset(s->writers, 0, s->geo.writers * sizeof *s->writers);
	unit_drop(s);
}

/* Whether somebody else has locked the byte, as another version would ask. */
static bool
is_locked(int fd, uint64_t at)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)at,
		.l_len = 1,
	};

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static void
locks_are_on_first_bytes(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_store *holders[3];
	uint64_t at = s->geo.writers_off;
	unsigned wrong = 0;

	for (int i = 0; i < 3; i++) {
		holders[i] = unit_again(s, 0);
		unit_set(holders[i], "k", "");
		wrong += !(fcntl(holders[i]->lock_fd, F_GETFD) & FD_CLOEXEC);
	}
	CHECK(!wrong, "no other program inherits a lock");
	for (uint64_t i = 0; i < 4 * sizeof(struct spli_writer); i++)
		wrong += is_locked(s->fd, at + i) !=
			 (i % sizeof(struct spli_writer) == 0 &&
				 i / sizeof(struct spli_writer) < 3);
	wrong += is_locked(s->fd, at - 1);
	CHECK(!wrong, "an entry's first byte is locked, and no other");
	spl_close(holders[1]);
	CHECK(is_locked(s->fd, at) &&
			!is_locked(s->fd, at + sizeof(struct spli_writer)),
		"until its owner closes");
	spl_close(holders[0]);
	spl_close(holders[2]);
	unit_drop(s);
}

/* A dead one's entry, leased by a switcher of auto-vacuum. */
static void
leases_of_switchers(void)
{
	enum { DEAD = 2, NOBODY = 3 };
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_store *one = unit_again(s, 0), *two = unit_again(s, 0);
	struct spli_writer *w = &s->writers[DEAD];
	unsigned wrong = 0;

	unit_set(one, "k", "");
	unit_set(two, "k", "");
	for (uint32_t name = 1; name <= 2; name++) {
		w->owner = 1;
		w->lease = name;
		wrong += spli_writer_rescue(s, DEAD) != -EAGAIN;
		wrong += w->lease != name || w->owner != 1;
		wrong += is_locked(
			one->fd, s->geo.writers_off + DEAD * sizeof *w);
	}
	CHECK(!wrong, "a living switcher's lease keeps others from the entry");
	static const uint32_t others[] = {0, DEAD + 1, NOBODY + 1, 64, 999};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		w->owner = 1;
		w->lease = others[i];
		s->writers[NOBODY].lease = DEAD + 1;
		wrong += spli_writer_rescue(s, DEAD) != 0;
		wrong += w->lease || w->owner || s->writers[NOBODY].lease;
	}
	CHECK(!wrong, "nobody's, its own and a dead one's do not");
	spl_close(one);
	spl_close(two);
	unit_drop(s);
}

void
test_writers(void)
{
	locks_are_on_first_bytes();
	leases_of_switchers();
	for (int i = 0; i < 2; i++)
		own_entries(unit_kinds[i]);
	entries_of_others(false);
	entries_of_others(true);
	garbage();
}
