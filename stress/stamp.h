/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp.h - values that prove themselves. A value begins with a stamp that
 * says which key it is of, how long it is, who wrote it and as which version;
 * every byte behind it follows from these and from the run.
 *
 * A value that is too short for a stamp proves itself together with its epoch,
 * which only one value of a key ever has: all of its bytes follow from run,
 * key, length and epoch. So its writer has to know the epoch beforehand, and
 * its reader has to be told it with the value.
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
	uint64_t version; /* of a shorter value: its epoch */
	uint64_t check; /* of all before; the bytes behind follow from it */
};

enum { STAMP_LEN = sizeof(struct stamp) }; /* values from here on have one */

/* The writer of a shorter one: any. */
#define STAMP_NOBODY UINT32_MAX

/* What a value should have been, and what it was: two halves of a sentence. */
struct flaw {
	char expected[96];
	char found[64];
};

/* One well-mixed number from another. */
uint64_t stamp_mix(uint64_t number);

/* Fill @stamp->len bytes, 1 or more. Sets the stamp's check. */
void stamp_make(uint8_t *bytes, struct stamp *stamp);

/*
 * Whether @len bytes are a whole value of the key from the run in *found; if
 * they are fewer than STAMP_LEN, of the epoch that is its version. If so,
 * *found is the value's stamp; if not, *flaw says what is wrong first.
 */
bool stamp_whole(const uint8_t *bytes, size_t len, struct stamp *found,
	struct flaw *flaw);

#endif
