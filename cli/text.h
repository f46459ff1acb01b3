/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - bytes of others, made fit for a terminal or for JSON.
 *
 * "Shown" text has no control character: what is one, or is no UTF-8, stands
 * as \n, \t or \xNN. A backslash stays one, so showing is for eyes; JSON is
 * for programs.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

bool text_is_utf8(const char *bytes, size_t len);

/* Does it control a terminal, or the order in which text is read? */
bool text_is_control(uint32_t character);

/*
 * @lines: line ends and tabs stay as they are. text_write() sends bytes to
 * stdout as they are. Ctrl-C ends both, and a member of a JSON object.
 */
void text_show(FILE *file, const char *bytes, size_t len, bool lines);
void text_write(const char *bytes, size_t len);

/*
 * Columns that a string takes when shown. text_show_column() shows it in
 * exactly @width columns: padded with spaces, or cut, with "..." at the end.
 */
size_t text_width(const char *text);
void text_show_column(FILE *file, const char *text, size_t width);

/*
 * A table whose first column has names, and whose others take TABLE_REST
 * columns. text_name_width() is what names get: as much as the @longest
 * needs, 33 at least; on a terminal no more than it has, and those that are
 * longer are cut. text_table_head() prints the two lines above a table.
 */
enum { TABLE_REST = 33 };
size_t text_name_width(size_t longest);
void text_table_head(size_t name_width, const char *name, const char *rest);

/*
 * A JSON object on one line, of stdout or of another stream. What is not
 * UTF-8 becomes base64, and a member "NAME_encoding": "base64" behind it says
 * so.
 */
struct json {
	FILE *file;
	bool any; /* a member is there already */
};
void json_begin(struct json *json);
void json_begin_on(struct json *json, FILE *file);
void json_text(
	struct json *json, const char *name, const char *bytes, size_t len);
void json_string(struct json *json, const char *name, const char *text);
void json_number(struct json *json, const char *name, uint64_t number);
void json_signed(struct json *json, const char *name, int64_t number);
void json_end(struct json *json);

#endif
