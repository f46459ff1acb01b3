/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atomic.h - loads, stores, fences and copies of shared memory, by purpose.
 *
 * Shared fields are plain integers of the layout; all access to them goes
 * through here. The compiler's __atomic builtins have C11's semantics.
 */
#ifndef SPLI_ATOMIC_H
#define SPLI_ATOMIC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define SPLI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SPLI_TSAN 1
#endif
#endif
#ifndef SPLI_TSAN
#define SPLI_TSAN 0
#endif

#define spli_load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define spli_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define spli_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define spli_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* Strong; acquire and release on success, relaxed on failure. */
#define spli_cas(p, expected, desired)                                         \
	__atomic_compare_exchange_n((p), (expected), (desired), 0,             \
		__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
#define spli_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

static inline void
spli_fence_acquire(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void
spli_fence_release(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/*
 * A release fence before @len bytes of payload. The C library copies large
 * ones with non-temporal stores, which x86 does not order after earlier stores
 * by itself.
 */
static inline void
spli_fence_payload(size_t len)
{
	spli_fence_release();
#if defined(__x86_64__)
	if (len >= 64 << 10)
		__builtin_ia32_sfence();
#else
	(void)len;
#endif
}

static inline void
spli_fence_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * The same behind a compare-and-swap of ours, which on x86 is a full fence
 * already.
 */
static inline void
spli_fence_full_behind_cas(void)
{
#if defined(__x86_64__) && !SPLI_TSAN
	__asm__ volatile("" ::: "memory");
#else
	spli_fence_full();
#endif
}

static inline void
spli_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * Payload moves between fences (W1 before, W3 or R3 after). What a reader
 * copies may change under it; the copy counts only once R3 agrees. Release
 * builds use the C library's routines; under TSan every byte is a relaxed
 * atomic, so that it sees what the model allows and nothing else.
 */
static inline void
spli_copy(void *to, const void *from, size_t len)
{
#if SPLI_TSAN
	uint8_t *t = to;
	const uint8_t *f = from;
	for (size_t i = 0; i < len; i++)
		spli_store(t + i, spli_load(f + i));
#else
	if (len)
		memcpy(to, from, len);
#endif
}

static inline void
spli_zero(void *to, size_t len)
{
#if SPLI_TSAN
	uint8_t *t = to;
	for (size_t i = 0; i < len; i++)
		spli_store(t + i, 0);
#else
	if (len)
		memset(to, 0, len);
#endif
}

#endif
