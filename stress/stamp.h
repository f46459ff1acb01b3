/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp.h - values that prove themselves. A value begins with a stamp that
 * says which key it is of, how long it is, who wrote it and as which version;
 * every byte behind it follows from these and from the run.
 */
#ifndef STRESS_STAMP_H
#define STRESS_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stamp {
	uint32_t run;
	uint32_t key;
	uint32_t len; /* of the value, this included */
	uint32_t writer;
	uint64_t version;
	uint64_t check; /* of all before; the bytes behind follow from it */
};

enum { STAMP_LEN = sizeof(struct stamp) };

/* What a value should have been, and what it was: two halves of a sentence. */
struct flaw {
	char expected[96];
	char found[64];
};

/* One well-mixed number from another. */
uint64_t stamp_mix(uint64_t number);

/* Fill @stamp->len bytes, at least STAMP_LEN. Sets the stamp's check. */
void stamp_make(uint8_t *bytes, struct stamp *stamp);

/*
 * Whether @len bytes are a whole value of this key from this run. If so,
 * *found is its stamp; if not, *flaw says what is wrong first.
 */
bool stamp_whole(const uint8_t *bytes, size_t len, uint32_t run, uint32_t key,
	struct stamp *found, struct flaw *flaw);

#endif
