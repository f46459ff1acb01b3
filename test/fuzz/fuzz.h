/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is a libFuzzer program: it has LLVMFuzzerTestOneInput() and, if it
 * needs them, the two others. It checks properties, not only that nothing
 * crashes: EXPECT() says which one does not hold, and aborts.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* To the descriptor: the stream may be a capture. */
static inline void
fuzz_failed(const char *what, const char *file, int line)
{
	dprintf(2, "fuzz: this does not hold: %s (%s:%d)\n", what, file, line);
	abort();
}

#define EXPECT(condition)                                                      \
	do {                                                                   \
		if (!(condition))                                              \
			fuzz_failed(#condition, __FILE__, __LINE__);           \
	} while (0)

/* @len bytes at the very end of a block, so that one more is seen. */
static inline char *
fuzz_copy(const void *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	EXPECT(copy);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* The same without NUL bytes, and with one behind the others. */
static inline char *
fuzz_string(const void *bytes, size_t len)
{
	const char *from = bytes;
	char *text = malloc(len + 1);
	size_t count = 0;

	EXPECT(text);
	for (size_t i = 0; i < len; i++)
		if (from[i])
			text[count++] = from[i];
	text[count] = '\0';
	/* Shrunk to what it needs, for the same reason. */
	char *exact = realloc(text, count + 1);
	return exact ? exact : text;
}

/* Collects what is written to a stream: stdout between begin and end. */
struct fuzz_capture {
	FILE **stream;
	FILE *former;
	char *text;
	size_t len;
};

static inline void
fuzz_capture_begin(struct fuzz_capture *capture, FILE **stream)
{
	*capture = (struct fuzz_capture){.stream = stream, .former = *stream};
	*stream = open_memstream(&capture->text, &capture->len);
	EXPECT(*stream);
}

/* The text is the caller's to free. */
static inline void
fuzz_capture_end(struct fuzz_capture *capture)
{
	FILE *own = *capture->stream;

	*capture->stream = capture->former;
	EXPECT(!ferror(own));
	EXPECT(!fclose(own));
}

#endif
