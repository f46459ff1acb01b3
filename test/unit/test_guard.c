/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - what the handler of SIGBUS takes for a fault of a store's. It
 * is called with a cause and an address, as the kernel would (no such signal
 * can be sent to a process under valgrind); real ones are in
 * test/fault/truncate.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "unit.h"

static spl_store *
guarded(uint32_t flags)
{
	struct spl_options o = unit_options(SPL_MEMFD, 4, 8);
	spl_store *s = NULL;

	o.flags = SPL_GUARD;
	if (spl_create("guarded", &o, &s))
		abort();
	EXPECT(unit_set(s, "k", "value") == 0);
	if (!flags)
		return s;
	spl_store *again = NULL;
	o.flags |= flags;
	if (spl_open_fd(spl_fd(s), &o, &again))
		abort();
	spl_close(s);
	return again;
}

/* As if this thread had met a fault there, at any instruction of it. */
static void
fault(int cause, const void *at)
{
	struct sigaction installed;
	siginfo_t info;

	memset(&info, 0, sizeof info);
	info.si_signo = SIGBUS;
	info.si_code = cause;
	info.si_addr = (void *)(uintptr_t)at;
	if (sigaction(SIGBUS, NULL, &installed) ||
		!(installed.sa_flags & SA_SIGINFO))
		abort();
	installed.sa_sigaction(SIGBUS, &info, NULL);
}

static const uint8_t *
last_byte(const spl_store *s)
{
	return (const uint8_t *)s->header + s->geo.size - 1;
}

/* Told by the kernel, which only gives an error for what is not. */
static bool
is_writable(void *at)
{
	int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(zeros, at, 1);

	close(zeros);
	return n == 1;
}

/* Of the file that ends, of its device, of the memory itself. */
static void
causes(void)
{
	static const int faults[] = {BUS_ADRERR, BUS_OBJERR, BUS_MCEERR_AR};
	char got[8];

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		spl_store *s = guarded(i % 2 ? SPL_READ_ONLY : 0);
		spl_store *other = guarded(0);
		fault(faults[i],
			i % 2 ? (const void *)s->header : last_byte(s));
		CHECK_RC(spl_get(s, "k", got, sizeof got, NULL), -EIO);
		CHECK_RC(spl_get(other, "k", got, sizeof got, NULL), 0);
		CHECK(is_writable(s->header) == !(i % 2),
			"what is read-only stays so");
		CHECK_RC(spl_close(s), 0);
		CHECK_RC(spl_close(other), 0);
	}
}

/* Met by a call of which no part looks at the result of the others. */
static void
lose(void *store)
{
	fault(BUS_ADRERR, ((spl_store *)store)->header);
}

static void
during_reclaim(void)
{
	spl_store *s = guarded(0);

	hook_set(HOOK_spli_lease_take, (struct hook){.after = lose, .arg = s});
	CHECK_RC(spl_reclaim(s), -EIO);
	CHECK(hook_end(HOOK_spli_lease_take) == 1, "lost in the middle of it");
	CHECK_RC(spl_close(s), 0);
}

/* The one mapping of a guarded store that nobody has a handle on yet. */
static void
lose_the_one(void *arg)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	const void *at = NULL;
	char line[512];

	(void)arg;
	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "/memfd:guarded"))
			at = (const void *)(uintptr_t)strtoull(line, NULL, 16);
	if (!at)
		abort();
	fclose(maps);
	fault(BUS_ADRERR, at);
}

/* It is known to fork() by then, and has the description for its locks. */
static void
at_its_start(void)
{
	struct spl_options o = unit_options(SPL_MEMFD, 4, 8);
	const struct hook lock_opened = {.after = lose_the_one};
	unsigned descriptors = unit_descriptors();
	spl_store *s = guarded(0), *none = NULL;
	int fd = fcntl(spl_fd(s), F_DUPFD_CLOEXEC, 0);

	spl_close(s);
	o.flags = SPL_GUARD;
	hook_set(HOOK_open, lock_opened);
	CHECK_RC(spl_create("guarded", &o, &none), -EIO);
	CHECK(hook_end(HOOK_open) == 1 && !none, "lost while it is created");
	hook_set(HOOK_open, lock_opened);
	CHECK_RC(spl_open_fd(fd, &o, &none), -EIO);
	CHECK(hook_end(HOOK_open) == 1 && !none, "lost while it is opened");
	close(fd);
	CHECK(unit_descriptors() == descriptors, "no descriptor is left");
}

/* What had been begun before, too, looks at zeros, and says so. */
static void
begun_before(void)
{
	spl_store *s = guarded(0);
	struct spl_pollkey key = {.key = "k", .epoch = 2};
	struct spl_key_stat stat;
	struct spl_feed_stat info;
	struct spl_event event;
	spl_list *list;
	spl_feed *f;
	spl_ref *ref;
	char got[8];

	if (spl_list_begin(s, NULL, NULL, &list) ||
		spl_feed_open(s, NULL, &f) || spl_ref_open(s, "k", &ref))
		abort();
	fault(BUS_ADRERR, s->header);
	CHECK_RC(spl_list_next(list, &stat), -EIO);
	CHECK_RC(spl_wait(s, "k", 2, 0, NULL), -EIO);
	CHECK_RC(spl_wait_many(s, &key, 1, 0), -EIO);
	CHECK_RC(spl_feed_info(f, &info), -EIO);
	CHECK_RC(spl_feed_read(f, &event, 1, 0), -EIO);
	CHECK_RC(spl_ref_get(ref, got, sizeof got, NULL), -EIO);
	CHECK_RC(spl_ref_set(ref, "v", 1), -EIO);
	spl_list_end(list);
	spl_feed_close(f);
	spl_ref_close(ref);
	CHECK_RC(spl_close(s), 0);
}

void
test_guard(void)
{
	begun_before();
	causes();
	during_reclaim();
	at_its_start();
}
