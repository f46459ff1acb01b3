/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - reading one object of JSON, strictly as RFC 8259 has it. Writing is
 * in text.h.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays in one another. */
enum { JSON_DEPTH_MAX = 64 };

enum json_kind {
	JSON_TEXT, /* a string */
	JSON_WHOLE /* a whole number from 0 to UINT64_MAX, without exponent */
};

/* A member that is wanted. The caller fills in the first two. */
struct json_field {
	const char *name;
	enum json_kind kind;
	bool given;
	char *text; /* in the line, no NUL behind it; it may contain some */
	size_t len;
	uint64_t number;
};

/*
 * json_read - take a line apart that is one object. Strings are decoded in
 * place: the line is not what it was afterwards. Members that nobody wants
 * are read as strictly, and ignored.
 * @at: where it is wrong: bytes in front of that
 *
 * Returns null, or what is wrong, to be put behind "it ".
 */
const char *json_read(char *line, size_t len, struct json_field *fields,
	size_t count, size_t *at);

/*
 * json_decode - what "NAME_encoding" beside "NAME" says of its text: nothing
 * or "utf-8", it is what it is; "base64", that is decoded in place. False for
 * another encoding, or what is not strictly RFC 4648, section 4.
 */
bool json_decode(struct json_field *field, const struct json_field *encoding);

#endif
