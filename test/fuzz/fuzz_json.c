/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json.c - lines of an export, read. Any bytes are read within bounds;
 * what the reference reader takes is taken, and is the same; no line that is
 * cut is; and what is written of any key and value is read as just that.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "item.h"
#include "json.h"
#include "reference.h"

enum { KEY, KEY_ENCODING, EPOCH, VALUE, VALUE_ENCODING, FIELDS };

/* A line is cut at this many places. */
enum { CUTS = 64 };

static const char *
read_line(char *line, size_t len, struct json_field *fields)
{
	static const struct json_field wanted[FIELDS] = {
		[KEY] = {.name = "key"},
		[KEY_ENCODING] = {.name = "key_encoding"},
		[EPOCH] = {.name = "epoch", .kind = JSON_WHOLE},
		[VALUE] = {.name = "value"},
		[VALUE_ENCODING] = {.name = "value_encoding"},
	};
	size_t at;

	memcpy(fields, wanted, sizeof(wanted));
	const char *wrong = json_read(line, len, fields, FIELDS, &at);
	EXPECT(at <= len);
	return wrong;
}

/* Is a member what the field wants it to be? */
static bool
fits(const struct reference_member *member, const struct json_field *field)
{
	char digits[32];

	if (!member || field->kind == JSON_TEXT)
		return !member || member->is_string;
	if (member->is_string)
		return false;
	snprintf(digits, sizeof(digits), "%" PRIu64,
		(uint64_t)strtoull(member->bytes, NULL, 10));
	return !strcmp(digits, member->bytes);
}

static void
expect_same(const struct reference_member *member,
	const struct json_field *field, const char *line, size_t len)
{
	EXPECT(field->given == !!member);
	if (!member)
		return;
	if (field->kind == JSON_WHOLE) {
		EXPECT(field->number == strtoull(member->bytes, NULL, 10));
		return;
	}
	EXPECT(field->text >= line && field->text + field->len <= line + len);
	EXPECT(field->len == member->len);
	EXPECT(!memcmp(field->text, member->bytes, member->len));
}

static void
check_reference(const char *bytes, size_t size)
{
	struct json_field fields[FIELDS];
	struct reference_object object;
	char *line = fuzz_copy(bytes, size);
	bool all = reference_parse(&object, bytes, size);
	const char *wrong = read_line(line, size, fields);

	for (size_t i = 0; all && i < FIELDS; i++)
		all = fits(reference_find(&object, fields[i].name), &fields[i]);
	if (all) {
		EXPECT(!wrong);
		for (size_t i = 0; i < FIELDS; i++)
			expect_same(reference_find(&object, fields[i].name),
				&fields[i], line, size);
	}
	reference_free(&object);
	free(line);
}

/* Up to its last bracket a line is one, and nothing shorter is. */
static void
check_cuts(const char *bytes, size_t size)
{
	struct json_field fields[FIELDS];
	char *line = fuzz_copy(bytes, size);
	bool good = !read_line(line, size, fields);

	free(line);
	while (good && bytes[size - 1] != '}')
		size--;
	for (size_t i = 1; good && i <= CUTS && i <= size; i++) {
		line = fuzz_copy(bytes, size - i);
		EXPECT(read_line(line, size - i, fields));
		free(line);
	}
}

static void
check_item(const char *bytes, size_t size)
{
	struct item item;
	size_t at;
	char *line = fuzz_copy(bytes, size);

	if (!item_read(&item, line, size, 1000, &at)) {
		EXPECT(*item.key && strlen(item.key) <= SPL_KEY_MAX);
		EXPECT(!item.value ||
			(item.value >= line &&
				item.value + item.len <= line + size));
	}
	free(line);
}

/* The first byte says how long the key is, the second has a time to live. */
static void
check_round_trip(const char *bytes, size_t size)
{
	struct spl_key_stat stat = {.epoch = size, .ttl_ms = UINT64_MAX};
	struct fuzz_capture capture;
	struct item item;
	struct json json;
	size_t at;

	if (size < 3)
		return;
	char *key = fuzz_string(
		bytes + 2, 1 + (size_t)(bytes[0] & 63) % (size - 2));
	if (!*key || strlen(key) > SPL_KEY_MAX) {
		free(key);
		return;
	}
	stat.len = size;
	if (bytes[1] & 1)
		stat.ttl_ms = 1000000;
	fuzz_capture_begin(&capture, &stdout);
	json_begin(&json);
	item_put(&json, key, &stat, bytes);
	json_end(&json);
	fuzz_capture_end(&capture);
	EXPECT(capture.len <= item_line_max(size) + 1);
	/* Without the line's end, as a file is read. */
	char *line = fuzz_copy(capture.text, capture.len - 1);
	EXPECT(!item_read(&item, line, capture.len - 1, item_now_ms(), &at));
	EXPECT(!strcmp(item.key, key) && item.epoch == size);
	EXPECT(item.len == size && !memcmp(item.value, bytes, size));
	EXPECT((item.ttl_ms == UINT64_MAX) == !(bytes[1] & 1));
	free(line);
	free(capture.text);
	free(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = fuzz_copy(data, size);

	check_reference(bytes, size);
	check_cuts(bytes, size);
	check_item(bytes, size);
	check_round_trip(bytes, size);
	free(bytes);
	return 0;
}
