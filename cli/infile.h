/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infile.h - lines of a file, or of standard input, packed or not. They can
 * be read again from the first.
 */
#ifndef CLI_INFILE_H
#define CLI_INFILE_H

#include <stdint.h>

#include "pack.h"

struct infile {
	int fd;
	off_t begin; /* where the first line is */
	off_t at; /* of what is read next */
	enum packing packing;
	struct unpacker *unpacker;
	char *line; /* the one that was read, without its end */
	size_t len;
	uint64_t number; /* of that line, from 1 */
	bool cut; /* the last one has no end */
	size_t cap;
	char *chunk; /* unpacked, from chunk_at to chunk_len */
	size_t chunk_at;
	size_t chunk_len;
};

/*
 * infile_open - @path, or standard input for "-". What cannot be read twice
 * is copied to a temporary file without a name; @stop, asked meanwhile, ends
 * that with -EINTR. infile_close() is due in any case.
 *
 * Returns 0 or a negative errno: -EOPNOTSUPP, packed as this program cannot
 * unpack.
 */
int infile_open(struct infile *file, const char *path,
	bool (*stop)(void *context), void *context);

/*
 * infile_line - the next line, of up to @most bytes.
 *
 * Returns 1; 0 at the end; -E2BIG, it is longer, and was passed over; -EBADMSG
 * and -ENODATA as unpack_read(), or another negative errno.
 */
int infile_line(struct infile *file, size_t most);

/* From the first line again: 0 or a negative errno. */
int infile_rewind(struct infile *file);
void infile_close(struct infile *file);

#endif
