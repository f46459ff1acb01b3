/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h - lines of commands for fuzz_line.c: made from the tables that the
 * program itself reads, and made harmless before they are run.
 */
#ifndef LINES_H
#define LINES_H

#include <stddef.h>
#include <stdint.h>

/*
 * lines_mutate - one more line, one less, another one, a word more or less.
 * Returns the new size, at most @max_size; the same seed does the same.
 */
size_t lines_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/*
 * lines_tame - the same line unless it would wait for long, read what is not
 * ours, or keep regcomp() busy for minutes: then one much like it. Memory of
 * its own.
 */
char *lines_tame(const char *line);

#endif
