/* What the programs under test ask of the system, answered by the simulation. The linker sends their calls here (--wrap, see
 * CMakeLists.txt), so the code under test is the code that ships. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/uuid.h"
#include "tests/fault/sim/fiber.h"
#include "tests/fault/sim/world.h"

_Static_assert(sizeof(struct sim_lock) <= sizeof(pthread_mutex_t), "a lock does not fit");

#define WRAPPED(type, name, ...) \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* ---- time and chance ---- */

WRAPPED(int64_t, time_monotonic_us, void) { return sim_steady_us(); }
WRAPPED(int64_t, time_monotonic_ms, void) { return sim_steady_us() / 1000; }
WRAPPED(int64_t, time_now_us, void) { return sim_wall_us(); }
WRAPPED(uint64_t, entropy_u64, void) { return sim_random(); }
WRAPPED(void, entropy_fill, void *out, size_t len)
{
	unsigned char *bytes = out;
	for (size_t i = 0; i < len; i++) bytes[i] = (unsigned char)sim_random();
}
WRAPPED(void, uuid_make, char out[UUID_TEXT_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < UUID_TEXT_BYTES - 1; i++) out[i] = hex[sim_below(16)];
	out[8] = out[13] = out[18] = out[23] = '-';
	out[UUID_TEXT_BYTES - 1] = '\0';
}

/* ---- threads ---- */

WRAPPED(int, pthread_create, pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *self)
{
	(void)attr;
	*out = fiber_start(fiber_process(), "thread", run, self);
	return 0;
}
WRAPPED(int, pthread_join, pthread_t thread, void **out)
{
	void *result = fiber_join((unsigned)thread);
	if (out) *out = result;
	return 0;
}

WRAPPED(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	(void)attr;
	memset(mutex, 0, sizeof *mutex);
	return 0;
}
WRAPPED(int, pthread_mutex_destroy, pthread_mutex_t *mutex)
{
	if (((struct sim_lock *)mutex)->owner) die("a lock that is held is destroyed");
	return 0;
}
WRAPPED(int, pthread_mutex_lock, pthread_mutex_t *mutex)
{
	sim_lock_take((struct sim_lock *)mutex);
	return 0;
}
WRAPPED(int, pthread_mutex_trylock, pthread_mutex_t *mutex)
{
	return sim_lock_try((struct sim_lock *)mutex) ? 0 : EBUSY;
}
WRAPPED(int, pthread_mutex_unlock, pthread_mutex_t *mutex)
{
	sim_lock_give((struct sim_lock *)mutex);
	return 0;
}

WRAPPED(int, pthread_cond_init, pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	(void)attr;
	memset(cond, 0, sizeof *cond);
	return 0;
}
WRAPPED(int, pthread_cond_destroy, pthread_cond_t *cond)
{
	(void)cond;
	return 0;
}
WRAPPED(int, pthread_cond_wait, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	sim_lock_give((struct sim_lock *)mutex);
	(void)fiber_wait(cond, SIM_FOREVER);
	sim_lock_take((struct sim_lock *)mutex);
	return 0;
}
WRAPPED(int, pthread_cond_timedwait, pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	int64_t until_us = (int64_t)until->tv_sec * 1000000 + until->tv_nsec / 1000;
	sim_lock_give((struct sim_lock *)mutex);
	bool woken = until_us > sim_steady_us() && fiber_wait(cond, until_us);
	bool late = !woken && sim_steady_us() >= until_us;
	sim_lock_take((struct sim_lock *)mutex);
	return late ? ETIMEDOUT : 0;
}
WRAPPED(int, pthread_cond_signal, pthread_cond_t *cond)
{
	fiber_wake(cond, false);
	return 0;
}
WRAPPED(int, pthread_cond_broadcast, pthread_cond_t *cond)
{
	fiber_wake(cond, true);
	return 0;
}

/* ---- logs: part of the trace ---- */

WRAPPED(void, log_event, enum log_level level, const char *event, size_t count, const struct log_field *fields)
{
	if (!sim_show) return;
	struct strbuf line;
	strbuf_init(&line, NULL);
	strbuf_printf(&line, "%s%s", level >= LOG_WARN ? "! " : "", event);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].key, "request_id") == 0 || strcmp(fields[i].key, "file") == 0) continue;
		if (fields[i].kind == LOG_FIELD_STR)
			strbuf_printf(&line, " %s=" STR_FMT, fields[i].key,
			              (int)(strcmp(fields[i].key, "task") == 0 && fields[i].text.len > 4
			                        ? 4
			                        : fields[i].text.len),
			              fields[i].text.ptr ? fields[i].text.ptr : "");
		else
			strbuf_printf(&line, " %s=%lld", fields[i].key, (long long)fields[i].number);
	}
	sim_trace(STR_FMT, (int)line.len, line.data);
	strbuf_fini(&line);
}
WRAPPED(bool, log_enabled, enum log_level level) { return sim_show && level > LOG_DEBUG; }
