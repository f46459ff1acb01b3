/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h - readers of what the program writes, written apart from it and
 * as plainly as can be, to be compared with.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * reference_char - bytes of the UTF-8 character at @bytes, 0 when it is none.
 * The rows of table 3-7 of the Unicode standard.
 */
size_t reference_char(const char *bytes, size_t len, uint32_t *character);

/* C0, DEL, C1, separators of lines, and what changes the direction. */
bool reference_is_control(uint32_t character);

/* UTF-8 without control characters; with @lines a newline is none. */
bool reference_is_shown(const char *bytes, size_t len, bool lines);

/* A member of a JSON object: a number's text, or a string's bytes. */
struct reference_member {
	char name[64];
	bool is_string;
	char *bytes;
	size_t len;
};

/* A flat object; at most MEMBERS_MAX members. */
enum { REFERENCE_MEMBERS = 32 };
struct reference_object {
	struct reference_member members[REFERENCE_MEMBERS];
	size_t count;
};

/*
 * reference_parse - one JSON object (RFC 8259) of strings and integers that
 * takes up all of @text, without a line end in it, without a name twice.
 * reference_free() is due in any case.
 */
bool reference_parse(
	struct reference_object *object, const char *text, size_t len);
const struct reference_member *reference_find(
	const struct reference_object *object, const char *name);

/*
 * reference_bytes - what a member stands for: its bytes, or those that they
 * are the base64 of when NAME_encoding says so. Memory of its own; null when
 * it is no base64.
 */
char *reference_bytes(
	const struct reference_object *object, const char *name, size_t *len);
void reference_free(struct reference_object *object);

#endif
