/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.h - finish or undo what a dead writer had in flight.
 */
#ifndef SPLI_REPAIR_H
#define SPLI_REPAIR_H

#include "store.h"

/*
 * The caller owns entry @e and holds its lease, both taken over from a dead
 * owner (or from nobody: then nothing is to be done). May die at any point
 * and be repeated by the next.
 */
void spli_repair(spl_store *s, uint32_t e);

#endif
