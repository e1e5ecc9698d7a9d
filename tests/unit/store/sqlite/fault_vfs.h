/* tests/unit/store/sqlite/fault_vfs.h: a SQLite VFS over the default one whose writes and flushes fail on demand. One plan for
 * the whole process; armed and read from any thread. */
#ifndef PETFOOD_TESTS_UNIT_STORE_SQLITE_FAULT_VFS_H
#define PETFOOD_TESTS_UNIT_STORE_SQLITE_FAULT_VFS_H

#include <stdbool.h>

#define FAULT_VFS "fault"

enum fault_kind {
	FAULT_NONE,
	FAULT_WRITE_FULL,  /* a write finds the disk full */
	FAULT_WRITE_TORN,  /* a write stores its first half and fails */
	FAULT_SYNC,        /* a flush fails; what was written may or may not be there after a crash */
};

void fault_register(void);
/* The nth such call from now on (1 = the next) fails; `lasting`: and every one after it, until disarmed. */
void fault_arm(enum fault_kind kind, int nth, bool lasting);
/* Whether a fault was met since it was armed. */
bool fault_disarm(void);
int fault_syncs(void); /* flushes that succeeded, since registration */

#endif
