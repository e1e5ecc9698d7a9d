#include "tools/petfoodd/port_holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Inode of the listening socket in one of the kernel's tables, 0 if none. */
static unsigned long listening_inode(const char *table, uint16_t port)
{
	FILE *f = fopen(table, "re");
	if (!f) return 0;
	char line[512];
	unsigned long found = 0;
	while (!found && fgets(line, sizeof line, f)) {
		unsigned local_port, state;
		unsigned long inode;
		/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 …" */
		int n = sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu", &local_port, &state, &inode);
		if (n == 3 && state == 0x0a && local_port == port) found = inode;
	}
	(void)fclose(f);
	return found;
}

static bool holds(const char *pid, unsigned long inode)
{
	char path[300], want[64], link[64];
	(void)snprintf(want, sizeof want, "socket:[%lu]", inode);
	(void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *fds = opendir(path);
	bool found = false;
	for (struct dirent *fd; fds && !found && (fd = readdir(fds));) {
		(void)snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, fd->d_name);
		ssize_t n = readlink(path, link, sizeof link - 1);
		if (n <= 0) continue;
		link[n] = '\0';
		found = strcmp(link, want) == 0;
	}
	if (fds) (void)closedir(fds);
	return found;
}

struct str port_holder(struct arena *arena, uint16_t port)
{
	struct str out = STR("another program");
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	if (!inode) inode = listening_inode("/proc/net/tcp6", port);
	DIR *proc = inode ? opendir("/proc") : NULL;
	for (struct dirent *d; proc && (d = readdir(proc));) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9' || !holds(d->d_name, inode)) continue;
		char path[300], name[64] = "";
		(void)snprintf(path, sizeof path, "/proc/%s/comm", d->d_name);
		FILE *f = fopen(path, "re");
		if (f) {
			if (fgets(name, sizeof name, f)) name[strcspn(name, "\n")] = '\0';
			(void)fclose(f);
		}
		out = str_printf(arena, "%s (pid %s)", name[0] ? name : "a program", d->d_name);
		break;
	}
	if (proc) (void)closedir(proc);
	return out;
}
