/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.c - what spl_wait returns, and when: since, timeouts, signals.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "unit.h"

static void
since_the_epoch_last_seen(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 8);
	uint64_t now = 77;

	CHECK_RC(spl_wait(s, "k", 0, 0, &now), -ETIMEDOUT);
	CHECK(now == 0, "still absent");
	CHECK_RC(spl_wait(s, "k", 2, UINT64_MAX, &now), 0);
	CHECK(now == 0, "absent is a change from epoch 2");
	unit_set(s, "k", "1");
	CHECK_RC(spl_wait(s, "k", 0, UINT64_MAX, &now), 0);
	CHECK(now == 2, "created is a change from absent");
	CHECK_RC(spl_wait(s, "k", 2, 0, &now), -ETIMEDOUT);
	CHECK(now == 2, "unchanged");
	unit_set(s, "k", "1");
	unit_set(s, "k", "1");
	CHECK_RC(spl_wait(s, "k", 2, UINT64_MAX, &now), 0);
	CHECK(now == 6, "two changes show as one");
	spl_unset(s, "k");
	CHECK_RC(spl_wait(s, "k", 6, UINT64_MAX, &now), 0);
	CHECK(now == 0, "removed");
	unit_set(s, "k", "1");
	CHECK_RC(spl_wait(s, "k", 6, UINT64_MAX, &now), 0);
	CHECK(now == 8, "removed and created is not what it was");
	CHECK_RC(spl_wait(s, "k", 12345, 0, NULL), 0);
	CHECK_RC(spl_wait(s, "k", 8, 0, NULL), -ETIMEDOUT);
	unit_drop(s);
}

static void
never_early(uint32_t flags, const char *what)
{
	static const uint64_t timeouts[] = {1, 5, 30, 60};
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_store *again = unit_again(s, flags);
	unsigned early = 0;

	unit_set(s, "k", "1");
	for (size_t i = 0; i < 4; i++)
		for (int present = 0; present < 2; present++) {
			uint64_t from = spli_now_ns();
			int rc = spl_wait(again, present ? "k" : "absent",
				present ? 2 : 0, timeouts[i], NULL);
			early += rc != -ETIMEDOUT ||
				 spli_now_ns() - from < timeouts[i] * 1000000;
		}
	CHECK(!early, "%s: timeouts come, and never early", what);
	spl_close(again);
	unit_drop(s);
}

static void
timeouts_do_not_overflow(void)
{
	static const uint64_t huge[] = {UINT64_MAX, UINT64_MAX - 1,
		UINT64_MAX / 2, UINT64_MAX / 1000000, UINT64_MAX / 1000000 + 1,
		UINT64_MAX / 2000000, UINT64_MAX / 2000000 - 1, INT64_MAX,
		INT64_MAX / 1000000};
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_store *again = unit_again(s, SPL_READ_ONLY);
	unsigned wrong = 0;

	unit_set(s, "k", "1");
	for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
		wrong += spl_wait(s, "k", 0, huge[i], NULL) != 0;
		wrong += spl_wait(again, "k", 0, huge[i], NULL) != 0;
	}
	CHECK(!wrong, "huge timeouts");
	spl_close(again);
	unit_drop(s);
}

static volatile sig_atomic_t signals;

static void
count_signal(int number)
{
	(void)number;
	signals++;
}

/* A timer signal every millisecond, without SA_RESTART. */
static void
storm(bool on)
{
	struct sigaction action = {.sa_handler = count_signal};
	struct itimerval timer = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void
wait_in_a_storm(void *arg)
{
	spl_store *s = arg;
	uint64_t now;

	storm(true);
	uint64_t from = spli_now_ns();
	EXPECT(spl_wait(s, "k", 2, 150, NULL) == -ETIMEDOUT);
	EXPECT(spli_now_ns() - from >= 150000000);
	EXPECT(signals > 3);
	from = spli_now_ns();
	EXPECT(spl_wait(s, "absent", 0, 150, NULL) == -ETIMEDOUT);
	EXPECT(spli_now_ns() - from >= 150000000);
	unit_post(0, 1);
	EXPECT(spl_wait(s, "k", 2, UINT64_MAX, &now) == 0 && now == 4);
	EXPECT(spl_wait(s, "absent", 0, UINT64_MAX, &now) == 0 && now == 2);
	/* The other calls are not disturbed either. */
	EXPECT(unit_set(s, "by the child", "in a storm") == 0);
	EXPECT(spl_unset(s, "by the child") == 10);
	storm(false);
	EXPECT(s->read_only || spl_close(s) == 0);
}

static void
signals_do_not_end_it(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);

	unit_set(s, "k", "1");
	unit_board_clear();
	struct unit_child c = unit_fork(wait_in_a_storm, s);
	unit_await(0, 1);
	unit_set(s, "k", "2");
	unit_set(s, "absent", "no more");
	CHECK(!unit_join(&c), "signals end no wait, early or late");
	unit_drop(s);
}

static void
other_errors(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	char key[65];
	uint64_t now = 77;

	memset(key, 'k', sizeof key);
	key[64] = '\0';
	CHECK_RC(spl_wait(NULL, "k", 0, 0, &now), -EINVAL);
	CHECK_RC(spl_wait(s, NULL, 0, 0, &now), -EINVAL);
	CHECK_RC(spl_wait(s, "", 0, 0, &now), -EINVAL);
	CHECK_RC(spl_wait(s, key, 0, 0, &now), -ENAMETOOLONG);
	CHECK(now == 77, "no epoch with an error");
	unit_drop(s);
}

void
test_wait(void)
{
	for (int i = 0; i < 2; i++)
		since_the_epoch_last_seen(unit_kinds[i]);
	never_early(0, "for writing");
	never_early(SPL_READ_ONLY, "read-only");
	timeouts_do_not_overflow();
	signals_do_not_end_it();
	other_errors();
}
