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
 * - Results are >= 0, or a negative errno value (-ENOENT), never -EINTR. errno
 *   itself is not part of the interface.
 * - Keys are NUL-terminated, 1 to SPL_KEY_MAX bytes: an empty or null key is
 *   -EINVAL, a longer one -ENAMETOOLONG. Never truncated. Any bytes but NUL.
 * - Values are 0 to max_value bytes, any bytes.
 * - Every function may be called from any thread at any time on the same
 *   handle, but for spl_close(), spl_ref_close(), spl_list_end() and
 *   spl_feed_close(), which must be the last call on theirs. None is safe in
 *   a signal handler.
 * - "Wait-free" and "lock-free" are meant literally. "Bounded wait" means:
 *   up to SPL_WAIT_BOUND_MS for another process's short step, then -EAGAIN;
 *   a dead process's step is finished or undone at once instead.
 * - An epoch is the 64-bit version of a key: 2 after the first set in a new
 *   store, 2 more after each, always even, never back, also over removal.
 *   0 stands for "the key is absent".
 * - A value may have a time to live. From the instant when that is over the
 *   key is absent, for every function and every process.
 * - Timeouts are milliseconds: 0 looks once, UINT64_MAX waits for ever. A wait
 *   ends early, with an error, in these cases: -ECANCELED, see
 *   spl_cancel_waits() and spl_close(); -EIDRM, the store's name was removed
 *   meanwhile (noticed within a second, or when the time is over; said once:
 *   waiting again goes on). Signals, stops and clock steps do not end it.
 * - With SPL_GUARD, every function that looks into a file cut short gives
 *   -EIO.
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
	SPL_ANY_OWNER = 4,
	/*
	 * A new store whose writers wake whoever waits with each change, two
	 * system calls, also when nobody does: so that read-only handles, which cannot say that they wait, sleep until then. Without
	 * it those look every 2 ms. spl_create() only; opening ignores it.
	 */
	SPL_WAKE_ALWAYS = 8,
	/*
	 * A file that somebody cuts short, or whose disk fails, under the open
	 * store: every call that looks into it is -EIO from then on, not
	 * SIGBUS. For that the first such handle installs a handler of SIGBUS
	 * for the whole process, which passes on what is not its own; it stays
	 * installed. A handler that the program installs later, without passing
	 * SIGBUS on, ends the protection, and so does a thread that blocks it.
	 * Since 1.0.
	 */
	SPL_GUARD = 16
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
	uint64_t ttl_ms; /* time left to live, rounded up; UINT64_MAX: no end */
	uint32_t waited; /* 1: somebody waits for this key, or did lately */
	uint32_t reserved0;
	uint64_t reserved[2];
};

/* A store: what it is, and its counters. */
struct spl_store_stat {
	uint32_t magic;
	uint32_t version; /* of the layout: major << 16 | minor */
	uint8_t id[16]; /* random, made at creation */
	uint64_t slots; /* keys it can hold */
	uint64_t max_value; /* bytes in the largest value */
	uint64_t keys; /* keys it holds, with what expired until reclaimed */
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
	uint64_t feed_len; /* changes that a feed may be behind: the ring */
	uint32_t wake_always; /* 1: created with SPL_WAKE_ALWAYS */
	uint32_t waited_new; /* 1: somebody waits for a new key, or did */
	uint32_t waited_any; /* 1: for any change: a feed, or many keys */
	uint32_t reserved0;
	uint64_t reserved[5];
};

/* A process that writes, or one of its threads; see spl_writers(). */
struct spl_writer_stat {
	uint32_t entry; /* number of the writer entry, from 0 */
	int32_t pid; /* in its own PID namespace */
	uint64_t age_ms; /* since it took the entry */
	uint64_t writes; /* swaps ever begun through the entry, by whomever */
	uint32_t busy; /* 1: in the middle of a call */
	uint32_t claim; /* 1: holds the claim of inserts and unsets */
	uint64_t reserved[4];
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
typedef struct spl_feed spl_feed;

/* What happened to a key. */
enum {
	SPL_CHANGED = 1, /* has another value */
	SPL_CREATED = 2, /* was absent before */
	SPL_UNSET = 4, /* was removed */
	SPL_EXPIRED = 8, /* its time to live was over */
	/* In feeds only. */
	SPL_PRESENT = 16, /* is there: a snapshot, or catching up */
	SPL_SYNCED = 32, /* no key: end of that, changes from here on */
	SPL_MISSED = 64 /* no key: so many changes could not be told */
};

/* A key that is waited for together with others; see spl_wait_many(). */
struct spl_pollkey {
	const char *key;
	uint64_t epoch; /* in: the one last seen, 0 absent; out: the one now */
	uint32_t revents; /* out: SPL_CHANGED, ..., or 0 */
	uint32_t reserved;
};

/* Flags of struct spl_feed_options. */
enum {
	/* Begin with all keys as they are: SPL_PRESENT each, SPL_SYNCED. */
	SPL_FEED_SNAPSHOT = 1,
	/*
	 * Events carry the value, whole, of just the epoch they tell; with
	 * SPL_EXPIRED the last one. (The feed then keeps copies of values that
	 * have a time to live.)
	 */
	SPL_FEED_VALUES = 2
};

/* Which changes a feed tells. Fill it with spl_feed_options_init(). */
struct spl_feed_options {
	uint64_t size; /* bytes of this struct, for later versions */
	uint32_t flags; /* SPL_FEED_SNAPSHOT | ... */
	uint32_t reserved;
	uint64_t since; /* the sequence last seen; UINT64_MAX: from now on */
	const char *key; /* this key only, or null */
	const char *prefix; /* keys that begin so, or null */
	const char *pattern; /* POSIX extended regular expression, or null */
};

/* One thing that a feed tells. */
struct spl_event {
	uint64_t sequence; /* of the last change in the store that has been told
			    * with this, counted from 1: to go on behind */
	uint64_t epoch; /* of the key's value; of the last one when it went */
	uint64_t changes; /* sets that it stands for, since the key was absent
			    * at most (of the past, before the opening: 1);
			    * SPL_PRESENT: 0; SPL_MISSED: sequences */
	uint64_t len; /* bytes of the value; of the last one when it went */
	const void *value; /* SPL_FEED_VALUES: len bytes, valid until the next
				 * spl_feed_read() or close; null with
				 * SPL_UNSET and where there is no key */
	uint32_t what; /* SPL_CHANGED, ..., exactly one */
	uint32_t reserved0;
	char key[64]; /* empty with SPL_SYNCED and SPL_MISSED */
	uint64_t reserved[2];
};

/* How far a feed is. */
struct spl_feed_stat {
	uint64_t started; /* the sequence after which it began */
	uint64_t sequence; /* the last one it has dealt with */
	uint64_t seen; /* sequences read, also those of other keys */
	uint64_t missed; /* sequences overwritten before it read them */
	uint64_t behind; /* changes made since, not looked at yet */
	uint64_t events; /* events told */
	uint64_t keys; /* keys it remembers */
	uint64_t reserved[4];
};

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
 * cannot reserve space; -EIO, the disk fails; -EACCES, -EROFS and others of
 * open(2), link(2), mmap(2). Blocks on the file system only. Since 1.0.
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
 * one; -EPROTONOSUPPORT, another layout version or byte order; -EIO, the file
 * cannot be read, or was cut short meanwhile (SPL_GUARD); others of open(2)
 * and mmap(2). Since 1.0.
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
 * alone that another user handed out gives reads only. With SPL_READ_ONLY the
 * handle's own descriptor cannot write, whatever @fd can (unless the user may
 * not open the file anew: then it is a copy of @fd). kind is ignored; the owner
 * is not checked.
 *
 * -EBADF, no descriptor, or one not open for what is asked; the rest as
 * spl_open(). Since 1.0.
 */
SPL_API int spl_open_fd(
	int fd, const struct spl_options *options, spl_store **out);

/*
 * spl_fd - the handle's descriptor, close-on-exec, valid until spl_close():
 * to be passed on, or dup'ed for a child that execs. Who gets that of a
 * read-only handle, and is another user whom the file's mode does not let
 * write, cannot get write access from it. Never fails on a valid handle.
 * Since 1.0.
 */
SPL_API int spl_fd(const spl_store *store);

/*
 * spl_close - unmap, give up the writer entries. Waits of other threads on the
 * handle end with -ECANCELED first: spl_wait(), spl_wait_many(),
 * spl_feed_read(); no thread may be in another call on it, or begin one.
 * References and lists on it must be closed before; feeds may be closed
 * after it. Returns 0, also for null. Since 1.0.
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
 * spl_read - copy a value and say what it is, both of the same moment.
 * @stat: filled also on -EMSGSIZE
 *
 * As spl_get(). Since 1.0.
 */
SPL_API int spl_read(spl_store *store, const char *key, void *buf, size_t cap,
	struct spl_key_stat *stat);

/*
 * spl_stat - hash, epoch, length, place and time to live of a key's value.
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
 * damaged; where the kernel is asked (a first write, a new key), others of
 * open(2), fcntl(2) and fallocate(2). On failure the key is as it was. Since
 * 1.0.
 */
SPL_API int spl_set(
	spl_store *store, const char *key, const void *val, size_t len);

/*
 * spl_set_ttl - set a value that lives for @ttl_ms milliseconds.
 *
 * From then on the key is absent; nothing has to run for that. spl_add() and
 * spl_append() leave the time as it is, every other set ends it. Its memory,
 * and with auto-vacuum its bytes, are reclaimed by a later set or unset of the
 * key, by a set that would find the store full, or by spl_reclaim(). Time is
 * CLOCK_BOOTTIME's in memory stores and CLOCK_REALTIME's in files; where
 * the latter is set back, what a writer has treated as expired stays so.
 *
 * Returns as spl_set(), and -EINVAL for a @ttl_ms of 0; UINT64_MAX means for
 * ever, and so does any that ends after the year 2500. Since 1.0.
 */
SPL_API int spl_set_ttl(spl_store *store, const char *key, const void *val,
	size_t len, uint64_t ttl_ms);

/*
 * spl_expire - give the value that a key has another time to live, from now;
 * UINT64_MAX: for ever. A change like any other: the epoch grows, waiters
 * wake. -ENOENT; the rest as spl_set_ttl(). Since 1.0.
 */
SPL_API int spl_expire(spl_store *store, const char *key, uint64_t ttl_ms);

/*
 * spl_reclaim - remove whatever has expired, for its memory, or its bytes.
 * Returns how many keys that were; as spl_unset(). Looks at every slot; a
 * bounded wait for each that it removes. Since 1.0.
 */
SPL_API int64_t spl_reclaim(spl_store *store);

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
 * spl_writers - the writer entries that processes own now.
 * @stats: may be null with @count 0
 *
 * Returns how many there are, of which the first @count are in @stats. One
 * whose process died stays until the next repair. Stores nothing. Since 1.0.
 */
SPL_API int spl_writers(
	spl_store *store, struct spl_writer_stat *stats, size_t count);

/*
 * spl_store_info - what the store is, and its counters. Counting keys reads
 * one bit a block. Returns 0. Since 1.0.
 */
SPL_API int spl_store_info(spl_store *store, struct spl_store_stat *stat);

/*
 * spl_wait - wait until a key's epoch is not @since.
 * @since: the epoch last seen, 0 for "absent"
 * @now:   may be null; the epoch found, 0 when the key is absent
 *
 * Creation, change, removal and expiry end it; whoever passes in what he last
 * saw misses none (several may show as one). Sleeps on a futex; no system call
 * is made while the answer is already there. After a writer was killed
 * between publishing and waking, the wait ends within a second.
 *
 * Returns 0; -ETIMEDOUT; -ECANCELED, -EIDRM; -EAGAIN, -EBADMSG as spl_get().
 * Since 1.0.
 */
SPL_API int spl_wait(spl_store *store, const char *key, uint64_t since,
	uint64_t timeout_ms, uint64_t *now);

/*
 * spl_wait_many - wait for any of @count keys, in the manner of poll(2).
 *
 * A key is ready when its epoch is not the one in its place; then that is
 * replaced by the one found, 0 for absent, so that the next call waits for
 * what comes after. revents says what happened: SPL_CREATED, SPL_CHANGED,
 * SPL_UNSET, SPL_EXPIRED, one of them, 0 for a key that is not ready. (Of a
 * key that expired and was reclaimed before the call SPL_UNSET.) A key may
 * be given twice. Up to 128 keys sleep on their own futexes where the kernel
 * has futex_waitv(2), since 5.16, and are not disturbed by changes of others;
 * more are woken by each change in the store, and look at one word a key.
 *
 * Returns how many are ready; 0 when the time is over; -EINVAL, no keys, or
 * more than 2^24; -ENOMEM; -ENAMETOOLONG; -ECANCELED, -EIDRM; -EAGAIN, -EBADMSG
 * as spl_get(). Allocates for more than 16 keys. Since 1.0.
 */
SPL_API int spl_wait_many(spl_store *store, struct spl_pollkey *keys,
	size_t count, uint64_t timeout_ms);

/*
 * spl_cancel_waits - 1: every wait on this handle ends with -ECANCELED, and so
 * does each that begins later, until it is called with 0. For ending threads:
 * cancel, join, close. Waits of other handles and processes are not touched.
 * Returns 0; -EINVAL, neither 0 nor 1. Since 1.0.
 */
SPL_API int spl_cancel_waits(spl_store *store, int on);

/* spl_feed_options_init - every key, from now on. Cannot fail. Since 1.0. */
SPL_API void spl_feed_options_init(struct spl_feed_options *options);

/*
 * spl_feed_open - follow the changes of a key, of those with a prefix or a
 * pattern (or both), or of all.
 * @options: null for all, from now on
 *
 * A feed is a cursor over the store's ring of changes, which has room for the
 * last feed_len of them (see spl_store_info()), and a memory of the keys that it
 * follows (some 200 bytes each), so that it can tell which key went. Opening
 * it looks at every slot.
 *
 * Changes are told in the order in which they were announced. What is told of
 * a key is what it is when its change is read: several changes in a row may be
 * told as the last one. A reader that falls behind by more than the ring is
 * told SPL_MISSED with the exact number, then what differs now, then
 * SPL_SYNCED, which ends every SPL_MISSED. After a writer was killed a change may be told late, when that
 * writer is repaired, never twice with the same epoch.
 *
 * With a @since of the past the feed first tells what is still in the ring; if
 * it does not reach back that far, SPL_MISSED, all keys as SPL_PRESENT, and
 * SPL_SYNCED. A key that went before the feed was opened cannot be named: such
 * changes are told as SPL_MISSED. What has expired and was not reclaimed yet is
 * told as SPL_EXPIRED, whenever that was. A reader that may have to begin again keeps
 * the sequence of the last event; while SPL_SYNCED is still to come, the one
 * from before SPL_MISSED.
 *
 * Returns 0; -EINVAL, flags, a bad pattern, a key beside prefix or pattern, or
 * SPL_FEED_SNAPSHOT beside a @since; -ENAMETOOLONG; -ERANGE, a @since that is still to come; -ENOMEM. Allocates.
 * Since 1.0.
 */
SPL_API int spl_feed_open(spl_store *store,
	const struct spl_feed_options *options, spl_feed **out);

/*
 * spl_feed_read - the next events, waiting for the first if there is none.
 * @count: room in @events, 1 or more; fewer may come although more are there
 *
 * That a key expires is told when the time is over, also when nobody has
 * reclaimed it yet; of one that came and expired between two reads nothing is
 * told. A feed belongs to one thread at a time.
 *
 * Returns how many, up to @count; 0 when the time is over; -ECANCELED, -EIDRM;
 * -ENOMEM, call it again; -EBADF, its store was closed. Since 1.0.
 */
SPL_API int spl_feed_read(spl_feed *feed, struct spl_event *events,
	size_t count, uint64_t timeout_ms);

/*
 * spl_feed_fd - a descriptor for poll(2), epoll(7), select(2) or libuv, the
 * same with each call: readable exactly while spl_feed_read() would not wait.
 *
 * It belongs to the feed: do not read it, do not close it. It is an eventfd(2),
 * close-on-exec, fed by a thread of this process, one a store handle, that
 * exists from the first such call until the store or its last feed with a
 * descriptor is closed. After fork() the child asks again, and gets one of its
 * own. Negative: -EMFILE, -ENFILE, -ENOMEM, -EAGAIN, as eventfd(2) and
 * pthread_create(3); -EBADF, its store was closed. Since 1.0.
 */
SPL_API int spl_feed_fd(spl_feed *feed);

/*
 * spl_feed_info - how far the feed is. seen + missed is sequence - started, at
 * any time. Returns 0; -EBADF, its store was closed. Since 1.0.
 */
SPL_API int spl_feed_info(spl_feed *feed, struct spl_feed_stat *stat);

/* spl_feed_close - null is fine, a store that was closed too. Since 1.0. */
SPL_API void spl_feed_close(spl_feed *feed);

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
