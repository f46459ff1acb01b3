/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap.h - tests that speak TAP. One plan at the end, a watchdog, a seed.
 *
 *   int main(void)
 *   {
 *           tap_start(60);                  seconds until it counts as hung
 *           CHECK(1 + 1 == 2, "adds");      one "ok" or "not ok" line
 *           REQUIRE(p, "has memory");       the same, and ends when not ok
 *           return tap_end();               exit status 0 or 1
 *   }
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define TAP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAP_ASAN 1
#endif
#endif
#ifndef TAP_ASAN
#define TAP_ASAN 0
#endif

extern int tap_count, tap_failed;

/* In exactly one file of a program. */
#define TAP_MAIN int tap_count, tap_failed;

/* Ends the program with a signal when it runs longer than @seconds. */
static inline void
tap_start(unsigned seconds)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(seconds);
}

__attribute__((format(printf, 4, 5))) static inline int
tap_check(int ok, const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", ok ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!ok) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	return ok;
}

static inline int
tap_end(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#define CHECK(ok, ...) tap_check(!!(ok), __FILE__, __LINE__, __VA_ARGS__)
#define REQUIRE(ok, ...)                                                       \
	do {                                                                   \
		if (!CHECK(ok, __VA_ARGS__))                                   \
			exit(tap_end());                                       \
	} while (0)

/* xorshift64*: from SPLINTER_TEST_SEED, or the clock; printed either way. */
static inline uint64_t
tap_seed(void)
{
	const char *given = getenv("SPLINTER_TEST_SEED");
	uint64_t seed = (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();

	if (given)
		seed = strtoull(given, NULL, 0);
	printf("# SPLINTER_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed ? seed : 1;
}

static inline uint64_t
tap_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* SPLINTER_TEST_SMALL is set where everything takes ten times as long. */
static inline unsigned long
tap_scale(unsigned long full, unsigned long small)
{
	return getenv("SPLINTER_TEST_SMALL") ? small : full;
}

/* A random moment: the one time that a test may let time pass. */
static inline void
tap_let_run(uint64_t *random)
{
	long ns = (long)(tap_random(random) % 2000000);

	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

#endif
