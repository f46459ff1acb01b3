/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "share.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t
share_size(uint64_t tallies)
{
	return sizeof(struct share) + tallies * sizeof(struct tally);
}

struct share *
share_new(uint64_t tallies)
{
	void *memory = mmap(NULL, share_size(tallies), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void
share_free(struct share *share, uint64_t tallies)
{
	munmap(share, share_size(tallies));
}

void
share_open_gate(struct share *share, uint64_t now_ns)
{
	atomic_store_explicit(&share->begun_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&share->gate, 1, memory_order_release);
	syscall(SYS_futex, &share->gate, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void
share_wait_gate(struct share *share)
{
	/* Not the private kind: workers may be processes. */
	while (!atomic_load_explicit(&share->gate, memory_order_acquire))
		syscall(SYS_futex, &share->gate, FUTEX_WAIT, 0, NULL, NULL, 0);
}

bool
share_stopped(const struct share *share)
{
	return atomic_load_explicit(&share->stop, memory_order_relaxed);
}

void
share_stop(struct share *share)
{
	atomic_store_explicit(&share->stop, 1, memory_order_relaxed);
}

static void __attribute__((format(printf, 2, 0)))
complain(struct complaints *complaints, const char *format, va_list args)
{
	uint64_t number = atomic_fetch_add_explicit(
		&complaints->texts, 1, memory_order_relaxed);
	char *text;

	atomic_fetch_add_explicit(&complaints->count, 1, memory_order_relaxed);
	if (number >= COMPLAINTS_KEPT || vasprintf(&text, format, args) < 0)
		return;
	struct complaint *c = &complaints->first[number];
	snprintf(c->text, sizeof c->text, "%s", text);
	free(text);
	atomic_store_explicit(&c->complete, 1, memory_order_release);
}

void
share_fail_again(struct share *share)
{
	atomic_fetch_add_explicit(
		&share->failures.count, 1, memory_order_relaxed);
}

void
share_fail(struct share *share, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(&share->failures, format, args);
	va_end(args);
}

void
share_error(struct share *share, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(&share->errors, format, args);
	va_end(args);
	share_stop(share);
}

uint64_t
complaints_count(const struct complaints *complaints)
{
	return atomic_load_explicit(&complaints->count, memory_order_relaxed);
}

const char *
complaints_text(const struct complaints *complaints, uint64_t number)
{
	if (number >= COMPLAINTS_KEPT)
		return NULL;
	const struct complaint *c = &complaints->first[number];
	return atomic_load_explicit(&c->complete, memory_order_acquire)
		       ? c->text
		       : NULL;
}
