/* Loaded before the C library (LD_PRELOAD) by a test that moves the wall clock of a real daemon: as a step of the system's clock does,
 * the shift changes what CLOCK_REALTIME, gettimeofday and time say, and leaves CLOCK_MONOTONIC alone. A wait until an instant
 * of the wall clock is not shifted: nothing here waits so (conditions use the monotonic clock).
 *   PETFOOD_TEST_CLOCK  a file of eight bytes: microseconds to add, signed, in the machine's byte order; may change at any time */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t nothing;
static const volatile int64_t *shift_us = &nothing;

__attribute__((constructor)) static void open_shift(void)
{
	const char *path = getenv("PETFOOD_TEST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd >= 0 ? mmap(NULL, sizeof *shift_us, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (at == MAP_FAILED) {
		perror("PETFOOD_TEST_CLOCK");
		_exit(78);
	}
	close(fd);
	shift_us = at;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
	/* Straight to the kernel: a look-up of the C library's function could call a sanitizer that is not ready yet. */
	if (syscall(SYS_clock_gettime, id, out) != 0) return -1;
	if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE) return 0;
	int64_t at_ns = (int64_t)out->tv_sec * 1000000000 + out->tv_nsec + *shift_us * 1000;
	out->tv_sec = (time_t)(at_ns / 1000000000);
	out->tv_nsec = (long)(at_ns % 1000000000);
	return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
	*out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
	if (out) *out = now.tv_sec;
	return now.tv_sec;
}
