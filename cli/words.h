/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - a line into words, with the quoting of a POSIX shell (XCU 2.2):
 * 'as it stands', "with \" inside", a backslash before one character. A word
 * that begins with # begins a comment. Nothing is expanded.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>

enum words_result {
	WORDS_DONE,
	WORDS_OPEN_QUOTE, /* never closed; at says where it stands */
	WORDS_OPEN_BACKSLASH, /* the last character of the line */
	WORDS_NO_MEMORY
};

/* Starts as zeroes; words_free() gives the memory back. */
struct words {
	char **all; /* a null pointer behind the last */
	size_t count;
	char *bytes; /* what they point into */
	size_t at; /* where the open quote is, or the last word begins */
};

/*
 * words_split - the words of @len bytes without NUL. When a quote is open,
 * the word that it is in is the last one.
 */
enum words_result words_split(
	struct words *words, const char *line, size_t len);

/*
 * words_split_partly - the same for a line still being typed: what is open
 * does not matter. The last word is the one being typed, "" when the line
 * ends behind a word; at is where it begins in the line.
 */
enum words_result words_split_partly(
	struct words *words, const char *line, size_t len);
void words_free(struct words *words);

/* The text as one word of a line, in memory of its own; null: no memory. */
char *words_quote(const char *text);

#endif
