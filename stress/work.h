/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - one reader or writer: what it reads, writes and remembers.
 */
#ifndef STRESS_WORK_H
#define STRESS_WORK_H

#include "plan.h"
#include "share.h"

/* What a worker has last seen of a key. */
struct sight {
	uint64_t epoch;
	uint64_t version;
	uint32_t writer;
	bool known; /* writer and version are */
	uint8_t told; /* a bit for each enum doing: what was wrong, once */
	uint16_t walk; /* the last list that it was met in */
};

/* What a worker does with a key at the moment. */
enum doing { DOING_COPY, DOING_PEEK, DOING_WRITE };

struct worker {
	const struct plan *plan;
	spl_store *store;
	struct share *share;
	struct tally *tally;
	const char *role; /* "reader", "writer", "switcher", "the check" */
	bool writes;
	bool switches; /* auto-vacuum, and does nothing else */
	bool alone; /* nobody else writes: EAGAIN is a failure */
	uint32_t index; /* among readers, or among writers */
	enum doing doing;
	uint16_t walk; /* lists begun */
	bool told_of_list; /* that one was wrong */
	uint64_t random;
	uint8_t *value; /* max_value bytes */
	struct sight *sights; /* one a key */
};

enum { KEY_SIZE = 32 };

/* The name of a key, and the number of a name; UINT32_MAX for another. */
void work_key_name(char *name, uint32_t key);
uint32_t work_key_number(const char *name);

uint64_t work_now_ns(void);
uint64_t work_random(uint64_t *state);

/* Memory for what is remembered; after it failed, an error was recorded. */
bool work_begin(struct worker *worker);
void work_end(struct worker *worker);

/*
 * Read and verify; what is wrong is recorded in worker->share. 0, or what the
 * read returned.
 */
int work_read(struct worker *worker, uint32_t key);

/* Write the next version of this worker; sometimes unset the key before. */
void work_write(struct worker *worker, uint32_t key, bool unset_before);

/* Walk over all keys beside writers, and verify that; recorded as well. */
void work_list(struct worker *worker);

/* All of it: from the gate's opening to share_stop(). */
void work(struct worker *worker);

#endif
