/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.h - what somebody who wrote an unknown word may have meant; null
 * when nothing is near. Near is one change of a letter, or two in a longer
 * word: one too many, one missing, another one, or two neighbours swapped.
 */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include "command.h"

const char *suggest_command(const char *word);
const char *suggest_option(const struct command *command, const char *word);
const char *suggest_program_option(const char *word);
const char *suggest_setting(const char *word);

#endif
