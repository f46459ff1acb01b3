/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - files that are written: each whole, or not at all.
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stdio.h>
#include <sys/stat.h>

#include "pack.h"

/* All of it: 0 or a negative errno. */
int file_write_all(int fd, const char *bytes, size_t len);

/* Whoever owned that file and could read it shall do so with this. 0 or a
 * negative errno. */
int file_like(int fd, const struct stat *status);

/*
 * A file that takes another's place. Until outfile_commit() all goes to a
 * temporary file beside it; outfile_abandon(), which is due in any case,
 * removes that.
 */
struct outfile {
	FILE *stream; /* what is written goes in here */
	char *path; /* where it will be, no link */
	char *temp; /* null: there is none */
	int fd;
	int code; /* why a write failed */
	struct packer *packer;
};

/*
 * outfile_open - a new file, mode 0600, or one that is like the one that is
 * there. Packed as the end of its name says.
 *
 * Returns 0 or a negative errno: -EOPNOTSUPP, this program cannot pack so;
 * -EINVAL, what is there is no regular file. outfile_commit() returns 0 once
 * the file is there and on the disk, or why it is not.
 */
int outfile_open(struct outfile *file, const char *path);
int outfile_commit(struct outfile *file);
void outfile_abandon(struct outfile *file);

#endif
