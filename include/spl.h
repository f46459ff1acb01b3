/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spl.h - Splinter's handle API: any number of stores at once.
 *
 * A store is a table of named values in one region of memory that processes
 * share: named shared memory, an anonymous memfd, or a mapped file. Reads
 * take no lock and store nothing; an update of an existing key is one atomic
 * swap. No dead or stopped process can block either.
 *
 * Conventions of this header, which every function keeps unless it says so:
 *
 * - Results are >= 0, or a negative errno value (-ENOENT). errno itself is
 *   not part of the interface.
 * - Keys are NUL-terminated, 1 to SPL_KEY_MAX bytes: an empty or null key is
 *   -EINVAL, a longer one -ENAMETOOLONG. Never truncated. Any bytes but NUL.
 * - Values are 0 to max_value bytes, any bytes.
 * - Every function may be called from any thread at any time on the same
 *   handle, but for spl_close(), spl_ref_close() and spl_list_end(), which
 *   must be the last call on theirs. None is safe in a signal handler.
 * - "Wait-free" and "lock-free" are meant literally. "Bounded wait" means:
 *   up to SPL_WAIT_BOUND_MS for another process's short step, then -EAGAIN;
 *   a dead process's step is finished or undone at once instead.
 * - An epoch is the 64-bit version of a key: 2 after the first set in a new
 *   store, 2 more after each, always even, never back, also over removal.
 *   0 stands for "the key is absent".
 * - After fork() the child may go on using every handle.
 * - A null store or a null required pointer is -EINVAL.
 */
#ifndef SPL_H
#define SPL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPL_API __attribute__((visibility("default")))

enum {
	SPL_KEY_MAX = 63, /* bytes in a key, NUL not counted */
	SPL_WAIT_BOUND_MS = 1000, /* see "bounded wait" above */
	SPL_DEFAULT_SLOTS = 1024,
	SPL_DEFAULT_MAX_VALUE = 4096,
	SPL_DEFAULT_WRITERS = 64
};

/* Where a store lives. */
enum {
	SPL_MEMORY = 0, /* name is a plain name: /dev/shm/NAME */
	SPL_FILE = 1, /* name is a path to a regular file */
	SPL_MEMFD = 2 /* anonymous; name is only a label; spl_create() only */
};

/* Flags of struct spl_options. */
enum {
	/* Map without write permission. Every read works; writes are -EROFS. */
	SPL_READ_ONLY = 1,
	/* Reserve every block at creation, touch every page at open. */
	SPL_PREFAULT = 2,
	/*
	 * Open also what neither the caller nor root owns. Without it such a
	 * store is -EPERM, so that nobody can lay a trap under a known name.
	 */
	SPL_ANY_OWNER = 4
};

/*
 * How to create or open. Fill it with spl_options_init(), then change what
 * you need. Opening ignores the geometry: the store knows its own.
 */
struct spl_options {
	uint64_t size; /* bytes of this struct, for later versions */
	uint32_t kind; /* SPL_MEMORY, SPL_FILE, SPL_MEMFD */
	uint32_t flags; /* SPL_READ_ONLY | ... */
	uint32_t mode; /* permission bits of a new store: 0600 and more */
	uint32_t writers; /* processes (or busy threads) writing at once,
				 * 1 to 1024 */
	uint64_t slots; /* keys it can hold, 1 to 2^30 */
	uint64_t max_value; /* bytes in the largest value, 1 to 2^32 - 1 */
};

/* A key as it was at one moment. */
struct spl_key_stat {
	uint64_t hash; /* FNV-1a, 64 bits, of the key */
	uint64_t epoch;
	uint64_t len; /* bytes of the value */
	uint64_t val_off; /* of the value, from the start of the region */
	char key[64];
	uint64_t reserved[4];
};

/* A store: what it is, and its counters. */
struct spl_store_stat {
	uint32_t magic;
	uint32_t version; /* of the layout: major << 16 | minor */
	uint8_t id[16]; /* random, made at creation */
	uint64_t slots; /* keys it can hold */
	uint64_t max_value; /* bytes in the largest value */
	uint64_t keys; /* keys it holds now */
	uint64_t epoch; /* changes ever made, by all writers */
	uint64_t size; /* bytes of the region, sparse */
	uint64_t reserved_size; /* bytes of it that are reserved */
	uint32_t auto_vacuum; /* 1 on, 0 off */
	uint32_t writers; /* writer entries */
	uint32_t writers_owned; /* writer entries that a process owns */
	uint32_t read_only; /* 1 when this handle is */
	uint64_t created_ns; /* CLOCK_REALTIME at creation */
	uint64_t parse_failures; /* spl_add() met what is no number */
	uint64_t last_failure_epoch; /* the store's epoch at the last one */
	uint64_t repairs; /* writer entries repaired after a death */
	uint64_t reserved[8];
};

/* A value looked at in place; see spl_peek_begin(). */
struct spl_peek {
	const void *data; /* len bytes, inside the mapping */
	uint64_t len;
	uint64_t epoch;
	uint64_t slot, word; /* private */
};

typedef struct spl_store spl_store;
typedef struct spl_ref spl_ref;
typedef struct spl_list spl_list;

/* The library's version, "1.0.0". Since 1.0. */
SPL_API const char *spl_version(void);

/*
 * spl_options_init - fill with the defaults: memory, 1024 slots of 4096
 * bytes, 64 writers, mode 0600. Cannot fail. Since 1.0.
 */
SPL_API void spl_options_init(struct spl_options *options);

/*
 * spl_create - make a new store and open it for writing.
 * @name:    see the kinds above
 * @options: null for the defaults
 * @out:     the handle, untouched on failure
 *
 * The store appears under its name whole or not at all: when two create the
 * same name, one wins. The memory of table, writers and feed is reserved at
 * once, that of values as they come.
 *
 * -EEXIST, the name is taken; -EINVAL, geometry or name out of range (a
 * product that overflows, a '/' in a plain name), or SPL_READ_ONLY;
 * -ENAMETOOLONG; -ENOSPC, does not fit into memory or onto the disk;
 * -ENOENT, no such directory, or no /dev/shm; -EOPNOTSUPP, the file system
 * cannot reserve space; -EACCES, -EROFS and others of open(2), link(2), mmap(2).
 * Blocks on the file system only. Since 1.0.
 */
SPL_API int spl_create(
	const char *name, const struct spl_options *options, spl_store **out);

/*
 * spl_open - open an existing store, for writing unless SPL_READ_ONLY.
 *
 * Takes the same time for any number of slots. An open for writing repairs
 * what dead writers left, if any did.
 *
 * -ENOENT; -EINVAL, name, or kind SPL_MEMFD; -ENAMETOOLONG; -ELOOP, a symbolic
 * link; -EISDIR, -ENXIO, not a regular file; -EPERM, somebody else's (see
 * SPL_ANY_OWNER); -EACCES, -EROFS, no permission to write: try
 * SPL_READ_ONLY; -EBADMSG, no store, or a damaged, truncated or extended
 * one; -EPROTONOSUPPORT, another layout version or byte order; others of
 * open(2) and mmap(2). Since 1.0.
 */
SPL_API int spl_open(
	const char *name, const struct spl_options *options, spl_store **out);

/*
 * spl_open_or_create, spl_create_or_open - open if it exists, else create;
 * they differ in what is tried first. Errors as the two above, but never
 * -ENOENT or -EEXIST for having lost a race. Since 1.0.
 */
SPL_API int spl_open_or_create(
	const char *name, const struct spl_options *options, spl_store **out);
SPL_API int spl_create_or_open(
	const char *name, const struct spl_options *options, spl_store **out);

/*
 * spl_open_fd - open the store behind a descriptor, inherited or received
 * over a Unix socket; the caller keeps (and may close) his own.
 *
 * For writing, the library needs an open file description of its own, so the
 * caller's user must be allowed to open the file for writing: a descriptor
 * alone that another user handed out gives reads only. kind is ignored; the
 * owner is not checked.
 *
 * -EBADF, no descriptor, or one not open for what is asked; the rest as
 * spl_open(). Since 1.0.
 */
SPL_API int spl_open_fd(
	int fd, const struct spl_options *options, spl_store **out);

/*
 * spl_fd - the handle's descriptor, close-on-exec, valid until spl_close():
 * to be passed on, or dup'ed for a child that execs. Never fails on a valid
 * handle. Since 1.0.
 */
SPL_API int spl_fd(const spl_store *store);

/*
 * spl_close - unmap, give up the writer entries. No other thread may be in a
 * call on this handle; references and lists on it must be closed before.
 * Returns 0, also for null. Since 1.0.
 */
SPL_API int spl_close(spl_store *store);

/*
 * spl_destroy - remove a store's name (@kind SPL_MEMORY or SPL_FILE). Who has
 * it open keeps it until he closes.
 *
 * Refuses what is no store: -EBADMSG. Other errors as spl_open(), without
 * -EPROTONOSUPPORT, and -EACCES, -EROFS of unlink(2). A damaged store can be
 * destroyed as long as its first bytes say that it is one. Since 1.0.
 */
SPL_API int spl_destroy(const char *name, uint32_t kind);

/*
 * spl_get - copy a value.
 * @buf: may be null with @cap 0: only the size is asked for
 * @len: may be null; bytes of the value, also on -EMSGSIZE
 *
 * Returns 0; -ENOENT; -EMSGSIZE, longer than @cap (unless @buf is null);
 * -EAGAIN, overwritten without end during some thousand tries; -EBADMSG,
 * damaged. Lock-free, waits for nobody, stores nothing. Since 1.0.
 */
SPL_API int spl_get(
	spl_store *store, const char *key, void *buf, size_t cap, size_t *len);

/*
 * spl_stat - hash, epoch, length and place of a key's value.
 * As spl_get(), without -EMSGSIZE. Since 1.0.
 */
SPL_API int spl_stat(
	spl_store *store, const char *key, struct spl_key_stat *stat);

/*
 * spl_set - give a key a value, whether it exists or not.
 *
 * An existing key: lock-free. A new one: a bounded wait, and it may allocate
 * memory from the file system. The first write of a process, or of a thread
 * beside others, takes a writer entry, with some system calls.
 *
 * Returns 0; -EMSGSIZE, more than max_value; -ENOSPC, all slots are taken or
 * no memory is left; -EAGAIN, bounded wait over, or more processes write than
 * the store has writer entries; -EROFS, a read-only handle; -EBADMSG,
 * damaged. On failure the key is as it was. Since 1.0.
 */
SPL_API int spl_set(
	spl_store *store, const char *key, const void *val, size_t len);

/*
 * spl_set_if - set on condition that the key's epoch is @epoch; 0: that the
 * key is absent (create only). Compare-and-set.
 * @now: may be null; the new epoch after success, the one found on -ESTALE
 *
 * Returns 0; -ESTALE, the condition does not hold; the rest as spl_set().
 * Since 1.0.
 */
SPL_API int spl_set_if(spl_store *store, const char *key, const void *val,
	size_t len, uint64_t epoch, uint64_t *now);

/*
 * spl_add - add to a decimal number kept as text; an absent key counts as 0.
 * @sum: may be null
 *
 * Returns 0; -EINVAL, the value is no whole number of at most 24 characters
 * (counted in parse_failures); -ERANGE, the sum leaves int64_t; -EMSGSIZE, the sum has
 * more digits than max_value; the rest as spl_set(). Atomic. Since 1.0.
 */
SPL_API int spl_add(
	spl_store *store, const char *key, int64_t delta, int64_t *sum);

/*
 * spl_append - put bytes behind a value; an absent key counts as empty.
 * @total: may be null; the new length
 *
 * Returns 0; -EMSGSIZE, the whole would exceed max_value; the rest as
 * spl_set(). Atomic. Since 1.0.
 */
SPL_API int spl_append(spl_store *store, const char *key, const void *val,
	size_t len, uint64_t *total);

/*
 * spl_unset - remove a key. Returns the length of the value that went (>= 0);
 * -ENOENT; the rest as spl_set() of a new key, without -EMSGSIZE. A bounded
 * wait. Since 1.0.
 */
SPL_API int64_t spl_unset(spl_store *store, const char *key);

/*
 * spl_list_begin - walk over the keys.
 * @prefix:  null or "" for all
 * @pattern: null, or a POSIX extended regular expression
 *
 * spl_list_next() returns 1 and fills @stat, 0 at the end, or -EAGAIN, -EBADMSG
 * for a key that could not be read and was passed over: call it again. A
 * key that stands still during the walk is met exactly once; one that is removed
 * and set again meanwhile may be met twice or not at all. A list belongs to
 * one thread at a time. Allocates. -EINVAL, a bad pattern; -ENOMEM.
 * spl_list_end() takes null too. Since 1.0.
 */
SPL_API int spl_list_begin(spl_store *store, const char *prefix,
	const char *pattern, spl_list **out);
SPL_API int spl_list_next(spl_list *list, struct spl_key_stat *stat);
SPL_API void spl_list_end(spl_list *list);

/*
 * spl_store_info - what the store is, and its counters. Counting keys reads
 * one bit a block. Returns 0. Since 1.0.
 */
SPL_API int spl_store_info(spl_store *store, struct spl_store_stat *stat);

/*
 * spl_wait - wait until a key's epoch is not @since.
 * @since:      the epoch last seen, 0 for "absent"
 * @timeout_ms: 0 looks once, UINT64_MAX waits for ever
 * @now:        may be null; the epoch found, 0 when the key is absent
 *
 * Creation, change and removal end it; whoever passes in what he last saw
 * misses none (several may show as one). Sleeps on a futex, no system call is
 * made while the answer is already there. Read-only handles cannot announce
 * that they wait, so they look every few milliseconds. After a writer was
 * killed between publishing and waking, the wait ends within a second.
 *
 * Returns 0; -ETIMEDOUT; -EAGAIN, -EBADMSG as spl_get(). Signals do not end
 * it. Since 1.0.
 */
SPL_API int spl_wait(spl_store *store, const char *key, uint64_t since,
	uint64_t timeout_ms, uint64_t *now);

/*
 * spl_set_auto_vacuum - 1: no byte of a former key or value stays anywhere in
 * the region; 0: old bytes stay in spare blocks until those are reused.
 * @busy_pid: may be null; 0, or with -EAGAIN the process that kept a writer
 *            entry or the claim busy (as numbered in its own PID namespace)
 *
 * Switching on scrubs what is stale before it returns, beside readers and
 * writers; on failure new writes already scrub, but old bytes may be left:
 * call it again, or the next open for writing tries to finish. Switching off
 * only clears the flag. Returns 0; -EINVAL, neither 0 nor 1; -EROFS; -EAGAIN,
 * bounded wait over; -ENOSPC and -EBADMSG as spl_set(). Since 1.0.
 */
SPL_API int spl_set_auto_vacuum(spl_store *store, int on, int32_t *busy_pid);

/* spl_auto_vacuum - 1 on, 0 off. Since 1.0. */
SPL_API int spl_auto_vacuum(spl_store *store);

/*
 * spl_ref_open - resolve a key once; the calls below then neither hash nor
 * probe. The key need not exist; removal and return are noticed by
 * themselves. Results as those of the functions on keys. -ENOMEM. A
 * reference may be shared by threads. Since 1.0.
 */
SPL_API int spl_ref_open(spl_store *store, const char *key, spl_ref **out);
SPL_API int spl_ref_get(spl_ref *ref, void *buf, size_t cap, size_t *len);
SPL_API int spl_ref_set(spl_ref *ref, const void *val, size_t len);
SPL_API void spl_ref_close(spl_ref *ref);

/*
 * spl_peek_begin - look at a value in place, without a copy.
 *
 * Returns 0 and fills @peek, or as spl_get(), without -EMSGSIZE. The bytes may
 * change while you look: believe nothing that you derived from them before
 * spl_peek_stable() has returned 0 afterwards; -ESTALE says that they were
 * overwritten: begin again. Stores nothing, waits for nobody. Since 1.0.
 */
SPL_API int spl_peek_begin(
	spl_store *store, const char *key, struct spl_peek *peek);
SPL_API int spl_peek_stable(spl_store *store, const struct spl_peek *peek);

#ifdef __cplusplus
}
#endif
#endif
