/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splinter.h - Splinter's flat API: one current store per process.
 *
 * Link libsplinter and names are plain names of shared memory; link
 * libsplinter_p and they are paths of files. Everything here is a thin layer
 * on spl.h, which has several stores at once, and more.
 *
 * Unless a function says otherwise it returns 0, or -1 with errno set; -2
 * with errno EBADF when no store is open. Functions on the store may be
 * called from any thread; opening, creating and closing replace the current store,
 * so no other thread may be in a call meanwhile. Keys: 1 to 63 bytes, else
 * EINVAL (empty) or ENAMETOOLONG. What blocks and what does not is said with
 * the functions of the same name in spl.h. All since 1.0.
 *
 * errno: ENOENT absent, EEXIST taken, EAGAIN contended (retry), EMSGSIZE too
 * big for the buffer or the store, ENOSPC full, ENAMETOOLONG, EINVAL,
 * ETIMEDOUT, EBADF no store, EPROTONOSUPPORT other layout version or byte
 * order, EBADMSG damaged or no store, EPERM somebody else's store, EROFS
 * read-only, and those of open(2) and mmap(2).
 */
#ifndef SPLINTER_H
#define SPLINTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPLINTER_API __attribute__((visibility("default")))

typedef struct {
	uint32_t magic;
	uint32_t version; /* of the layout: major << 16 | minor */
	uint32_t slots;
	uint32_t max_val_sz;
	uint64_t epoch; /* changes ever made in the store */
	uint32_t auto_vacuum; /* 1 on, 0 off */
	uint64_t parse_failures;
	uint64_t last_failure_epoch;
} splinter_header_snapshot_t;

typedef struct {
	uint64_t hash; /* FNV-1a, 64 bits, of the key */
	uint64_t epoch;
	uint32_t val_off; /* in the region; UINT32_MAX: does not fit */
	uint32_t val_len;
	char key[64];
} splinter_slot_snapshot_t;

/* What happened to a key; exactly one of them. */
enum {
	SPLINTER_CHANGED = 1, /* has another value */
	SPLINTER_CREATED = 2, /* was absent before */
	SPLINTER_UNSET = 4, /* was removed */
	SPLINTER_EXPIRED = 8 /* its time to live was over */
};

typedef struct {
	const char *key;
	uint64_t epoch; /* in: the one last seen, 0 absent; out: the one now */
	uint32_t revents; /* out: what happened, 0 for nothing */
} splinter_pollkey_t;

/*
 * Open or create the current store; one that was open is closed when this
 * succeeds. create: EEXIST if it exists. The other two open or create,
 * whichever applies, and differ in what they try first.
 */
SPLINTER_API int splinter_create(
	const char *name_or_path, size_t slots, size_t max_value_sz);
SPLINTER_API int splinter_open(const char *name_or_path);
SPLINTER_API int splinter_open_or_create(
	const char *name_or_path, size_t slots, size_t max_value_sz);
SPLINTER_API int splinter_create_or_open(
	const char *name_or_path, size_t slots, size_t max_value_sz);

/* Close the current store, if any. */
SPLINTER_API void splinter_close(void);

/* Give a key a value of 0 to max_val_sz bytes. EMSGSIZE, ENOSPC, EAGAIN. */
SPLINTER_API int splinter_set(const char *key, const void *val, size_t len);

/*
 * Remove a key. Returns the length of the value that went (INT_MAX when
 * longer); -1: ENOENT, EAGAIN; -2: no store (EBADF), or no valid key (EINVAL,
 * ENAMETOOLONG).
 */
SPLINTER_API int splinter_unset(const char *key);

/*
 * Copy a value. @buf null: only its size is asked for. @out_sz, may be null:
 * the size, also with EMSGSIZE. ENOENT, EAGAIN.
 */
SPLINTER_API int splinter_get(
	const char *key, void *buf, size_t buf_sz, size_t *out_sz);

/*
 * All keys, at most @max_keys, as strings that stay valid until the next list
 * or close in this process (one thread at a time, therefore). ENOMEM.
 */
SPLINTER_API int splinter_list(
	char **out_keys, size_t max_keys, size_t *out_count);

/*
 * Wait until a key changes (or goes). Returns 0; -1: ENOENT, the key does not
 * exist, and other errors; -2: ETIMEDOUT (EBADF with no store). A timeout
 * of UINT64_MAX never ends, 0 does not wait. Changes made before the call
 * do not count; spl_wait() takes the epoch last seen instead.
 */
SPLINTER_API int splinter_poll(const char *key, uint64_t timeout_ms);

/*
 * Wait for any of @n keys, in the manner of poll(2): until one's epoch is not
 * the one in its place. Returns how many are ready, their epochs replaced and
 * revents set; 0 when the time is over; -1: EINVAL, no keys, or more than
 * 2^24; ENAMETOOLONG, ENOMEM. As spl_wait_many().
 */
SPLINTER_API int splinter_multi_poll(
	splinter_pollkey_t *keys, size_t n, uint64_t timeout_ms);

/*
 * Auto-vacuum, 0 or 1, on in a new store: whether nothing of former keys and
 * values stays in the region. set: EINVAL; EAGAIN, call it again.
 */
SPLINTER_API int splinter_set_av(unsigned int mode);
SPLINTER_API int splinter_get_av(void);

/* The store's geometry and counters; a key's place. ENOENT. */
SPLINTER_API int splinter_get_header_snapshot(
	splinter_header_snapshot_t *snapshot);
SPLINTER_API int splinter_get_slot_snapshot(
	const char *key, splinter_slot_snapshot_t *snapshot);

#ifdef __cplusplus
}
#endif
#endif
