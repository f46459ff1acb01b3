/* SPDX-License-Identifier: Apache-2.0 */
/* edit.h - editor.h with libedit; see edit_parts.h for how it is made. */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H

#include "editor.h"

struct edit;

/* Null: there is no libedit, or no terminal that it could edit at. */
struct edit *edit_open(const char *program, const struct editor_hooks *hooks,
	const struct history *history);
enum editor_result edit_read(
	struct edit *edit, const char *prompt, const char **line);
void edit_close(struct edit *edit);

#endif
