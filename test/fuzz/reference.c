/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- UTF-8 -------------------------------------------------------------- */

/* First bytes, what the second may be, and how many follow that one. */
static const struct row {
	uint8_t first[2];
	uint8_t second[2];
	size_t size;
} rows[] = {
	{{0xc2, 0xdf}, {0x80, 0xbf}, 2},
	{{0xe0, 0xe0}, {0xa0, 0xbf}, 3},
	{{0xe1, 0xec}, {0x80, 0xbf}, 3},
	{{0xed, 0xed}, {0x80, 0x9f}, 3},
	{{0xee, 0xef}, {0x80, 0xbf}, 3},
	{{0xf0, 0xf0}, {0x90, 0xbf}, 4},
	{{0xf1, 0xf3}, {0x80, 0xbf}, 4},
	{{0xf4, 0xf4}, {0x80, 0x8f}, 4},
};

static bool
is_within(const uint8_t *range, char c)
{
	return (uint8_t)c >= range[0] && (uint8_t)c <= range[1];
}

size_t
reference_char(const char *bytes, size_t len, uint32_t *character)
{
	static const uint8_t tail[] = {0x80, 0xbf};
	const struct row *row = rows;
	const struct row *end = rows + sizeof(rows) / sizeof(rows[0]);

	if (!len)
		return 0;
	*character = (uint8_t)bytes[0];
	if (*character < 0x80)
		return 1;
	while (row < end && !is_within(row->first, bytes[0]))
		row++;
	if (row == end || len < row->size || !is_within(row->second, bytes[1]))
		return 0;
	*character &= (uint32_t)(row->size == 2	  ? 0x1f
				 : row->size == 3 ? 0x0f
						  : 0x07);
	for (size_t i = 1; i < row->size; i++) {
		if (!is_within(tail, bytes[i]))
			return 0;
		*character = *character * 64 + ((uint8_t)bytes[i] - 0x80U);
	}
	return row->size;
}

bool
reference_is_control(uint32_t character)
{
	static const uint32_t ranges[][2] = {
		{0, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (character >= ranges[i][0] && character <= ranges[i][1])
			return true;
	return false;
}

bool
reference_is_shown(const char *bytes, size_t len, bool lines)
{
	uint32_t character;
	size_t size;

	for (; len; bytes += size, len -= size) {
		size = reference_char(bytes, len, &character);
		if (!size)
			return false;
		if (reference_is_control(character) &&
			!(lines && character == '\n'))
			return false;
	}
	return true;
}

/* --- JSON --------------------------------------------------------------- */

/* What is left of the text, and where decoded bytes go. */
struct reader {
	const char *at;
	const char *end;
	char *out;
	size_t len;
};

static bool
take(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool
take_hex(struct reader *reader, uint32_t *number)
{
	char digits[5] = "";

	if (reader->end - reader->at < 4)
		return false;
	memcpy(digits, reader->at, 4);
	reader->at += 4;
	*number = (uint32_t)strtoul(digits, NULL, 16);
	return strspn(digits, "0123456789abcdefABCDEF") == 4;
}

static void
put(struct reader *reader, char c)
{
	reader->out[reader->len++] = c;
}

static void
put_character(struct reader *reader, uint32_t character)
{
	if (character < 0x80) {
		put(reader, (char)character);
		return;
	}
	if (character < 0x800) {
		put(reader, (char)(0xc0 | character >> 6));
	} else {
		put(reader, (char)(0xe0 | character >> 12));
		put(reader, (char)(0x80 | (character >> 6 & 0x3f)));
	}
	put(reader, (char)(0x80 | (character & 0x3f)));
}

static bool
take_escape(struct reader *reader)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	uint32_t number;

	if (take(reader, 'u')) {
		/* No surrogates: nothing that needs an escape has any. */
		if (!take_hex(reader, &number) || number >> 11 == 0x1b)
			return false;
		put_character(reader, number);
		return true;
	}
	for (size_t i = 0; letters[i]; i++)
		if (take(reader, letters[i])) {
			put(reader, meant[i]);
			return true;
		}
	return false;
}

/* A string's bytes take no more than it does in the text. */
static bool
take_string(struct reader *reader, char **bytes, size_t *len)
{
	uint32_t character;

	if (!take(reader, '"'))
		return false;
	*bytes = malloc((size_t)(reader->end - reader->at) + 1);
	reader->out = *bytes;
	reader->len = 0;
	while (*bytes && !take(reader, '"')) {
		size_t size = reference_char(reader->at,
			(size_t)(reader->end - reader->at), &character);

		if (!size || reference_is_control(character))
			return false;
		if (take(reader, '\\')) {
			if (!take_escape(reader))
				return false;
			continue;
		}
		while (size--)
			put(reader, *reader->at++);
	}
	*len = reader->len;
	return *bytes;
}

static bool
take_integer(struct reader *reader, char **bytes, size_t *len)
{
	const char *from = reader->at;

	take(reader, '-');
	const char *digits = reader->at;
	while (reader->at < reader->end && *reader->at >= '0' &&
		*reader->at <= '9')
		reader->at++;
	*len = (size_t)(reader->at - from);
	*bytes = strndup(from, *len);
	return *bytes && reader->at > digits &&
	       (*digits != '0' || reader->at == digits + 1);
}

static bool
take_member(struct reader *reader, struct reference_object *object)
{
	struct reference_member *member = &object->members[object->count];
	char *name = NULL;
	size_t len = 0;
	bool good = take_string(reader, &name, &len) && take(reader, ':') &&
		    len && len < sizeof(member->name) &&
		    !memchr(name, '\0', len);

	if (good) {
		memcpy(member->name, name, len);
		member->name[len] = '\0';
		good = !reference_find(object, member->name);
	}
	free(name);
	if (!good)
		return false;
	object->count++;
	member->is_string = reader->at < reader->end && *reader->at == '"';
	return member->is_string
		       ? take_string(reader, &member->bytes, &member->len)
		       : take_integer(reader, &member->bytes, &member->len);
}

bool
reference_parse(struct reference_object *object, const char *text, size_t len)
{
	struct reader reader = {.at = text, .end = text + len};

	*object = (struct reference_object){0};
	if (!take(&reader, '{'))
		return false;
	do {
		if (object->count == REFERENCE_MEMBERS ||
			!take_member(&reader, object))
			return false;
	} while (take(&reader, ','));
	return take(&reader, '}') && reader.at == reader.end;
}

const struct reference_member *
reference_find(const struct reference_object *object, const char *name)
{
	for (size_t i = 0; i < object->count; i++)
		if (!strcmp(object->members[i].name, name))
			return &object->members[i];
	return NULL;
}

void
reference_free(struct reference_object *object)
{
	for (size_t i = 0; i < object->count; i++)
		free(object->members[i].bytes);
	object->count = 0;
}

/* --- Base64 ------------------------------------------------------------- */

/* Of a digit; 64 for what is none. */
static uint32_t
digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (uint32_t)(found - digits) : 64;
}

/* Bit by bit; what is left over at the end has to be zero. */
static bool
decode_base64(const char *text, size_t len, char *out, size_t *out_len)
{
	size_t padding = 0;
	uint32_t bits = 0;
	unsigned count = 0;

	*out_len = 0;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len - padding; i++) {
		uint32_t digit = digit_of(text[i]);

		if (digit > 63)
			return false;
		bits = (bits << 6 | digit) & 0xffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[(*out_len)++] = (char)(bits >> count & 0xff);
		}
	}
	return len % 4 == 0 && count == 2 * padding &&
	       !(bits & ((1U << count) - 1));
}

char *
reference_bytes(
	const struct reference_object *object, const char *name, size_t *len)
{
	const struct reference_member *member = reference_find(object, name);
	char other[sizeof(member->name) + 16];

	if (!member || !member->is_string)
		return NULL;
	snprintf(other, sizeof(other), "%s_encoding", name);
	const struct reference_member *encoding = reference_find(object, other);
	char *bytes = malloc(member->len + 1);
	if (!bytes)
		return NULL;
	*len = member->len;
	memcpy(bytes, member->bytes, member->len);
	if (!encoding)
		return bytes;
	if (encoding->len == 6 && !memcmp(encoding->bytes, "base64", 6) &&
		decode_base64(member->bytes, member->len, bytes, len))
		return bytes;
	free(bytes);
	return NULL;
}
