#include "tests/unit/store/sqlite/fault_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>

#include "store/base/error.h"

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real; /* right behind this struct */
};

static atomic_int kind, countdown, syncs;
static atomic_bool lasting_fault, fired;
static sqlite3_vfs *real_vfs;

void fault_arm(enum fault_kind new_kind, int nth, bool lasting)
{
	kind = FAULT_NONE;
	countdown = nth;
	lasting_fault = lasting;
	fired = false;
	kind = (int)new_kind;
}

bool fault_disarm(void)
{
	kind = FAULT_NONE;
	return fired;
}

int fault_syncs(void) { return syncs; }

static bool strikes(bool is_sync)
{
	int now = kind;
	if (now == FAULT_NONE || (now == FAULT_SYNC) != is_sync) return false;
	int left = --countdown;
	if (left > 0 || (left < 0 && !lasting_fault)) return false;
	fired = true;
	return true;
}

#define REAL(file) (((struct fault_file *)(file))->real)
#define PASS(file, method, ...) REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__)

static int on_write(sqlite3_file *f, const void *bytes, int count, sqlite3_int64 at)
{
	if (!strikes(false)) return PASS(f, xWrite, bytes, count, at);
	if (kind == FAULT_WRITE_FULL) return SQLITE_FULL;
	(void)PASS(f, xWrite, bytes, count / 2, at);
	return SQLITE_IOERR_WRITE;
}

static int on_sync(sqlite3_file *f, int flags)
{
	if (strikes(true)) return SQLITE_IOERR_FSYNC;
	syncs++;
	return PASS(f, xSync, flags);
}

static int on_close(sqlite3_file *f) { return PASS(f, xClose); }
static int on_read(sqlite3_file *f, void *bytes, int count, sqlite3_int64 at) { return PASS(f, xRead, bytes, count, at); }
static int on_truncate(sqlite3_file *f, sqlite3_int64 size) { return PASS(f, xTruncate, size); }
static int on_size(sqlite3_file *f, sqlite3_int64 *out) { return PASS(f, xFileSize, out); }
static int on_lock(sqlite3_file *f, int level) { return PASS(f, xLock, level); }
static int on_unlock(sqlite3_file *f, int level) { return PASS(f, xUnlock, level); }
static int on_check(sqlite3_file *f, int *out) { return PASS(f, xCheckReservedLock, out); }
static int on_control(sqlite3_file *f, int op, void *arg) { return PASS(f, xFileControl, op, arg); }
static int on_sector(sqlite3_file *f) { return PASS(f, xSectorSize); }
static int on_device(sqlite3_file *f) { return PASS(f, xDeviceCharacteristics); }
static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return PASS(f, xShmMap, page, size, extend, out);
}
static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags) { return PASS(f, xShmLock, offset, n, flags); }
static void on_shm_barrier(sqlite3_file *f) { PASS(f, xShmBarrier); }
static int on_shm_unmap(sqlite3_file *f, int remove) { return PASS(f, xShmUnmap, remove); }

static const sqlite3_io_methods methods = {
	.iVersion = 2, /* without xFetch: no memory-mapped reads, every access comes by here */
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check,
	.xFileControl = on_control,
	.xSectorSize = on_sector,
	.xDeviceCharacteristics = on_device,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	struct fault_file *file = (struct fault_file *)f;
	(void)vfs;
	file->real = (sqlite3_file *)(file + 1);
	int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
	file->base.pMethods = file->real->pMethods ? &methods : NULL;
	return rc;
}

void fault_register(void)
{
	static sqlite3_vfs vfs;
	real_vfs = sqlite3_vfs_find(NULL);
	if (!real_vfs) die("sqlite has no default VFS");
	vfs = *real_vfs; /* what is not about open files needs no `self` of its own */
	vfs.pNext = NULL;
	vfs.zName = FAULT_VFS;
	vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
	vfs.xOpen = on_open;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) die("cannot register the fault VFS");
}
