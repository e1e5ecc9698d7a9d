#include "rpc/transport/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool refuse(struct error *err, const char *url, const char *why)
{
	return error_set(err, RPC_INVALID_ARGUMENT, "LISTEN_INVALID", "cannot listen on %s: %s", url, why);
}

static bool host_is_loopback(struct str host)
{
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		return str_equal((struct str){ host.ptr + 1, host.len - 2 }, STR("::1"));
	struct in_addr address;
	char text[INET_ADDRSTRLEN];
	if (str_equal(host, STR("localhost"))) return true;
	if (host.len >= sizeof text) return false;
	(void)snprintf(text, sizeof text, STR_FMT, STR_ARG(host));
	return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* The directory keeps other users away from the socket, also in the moment before its own mode is set. */
static bool private_directory(const char *url, const char *path, struct error *err)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat st;
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return refuse(err, url, "the path must be absolute and inside a directory of its own");
	(void)snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
	if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
		error_set(err, RPC_INVALID_ARGUMENT, "LISTEN_INVALID", "cannot make %s: %s", directory,
		          strerror(errno));
		return false;
	}
	if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode)) return refuse(err, url, "its directory is not one");
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return refuse(err, url, "its directory must be ours and have mode 0700");
	return true;
}

static bool take_lock(struct listener *listener, const char *path, struct error *err)
{
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", path);
	listener->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (listener->lock_fd < 0) return refuse(err, listener->url, strerror(errno));
	if (flock(listener->lock_fd, LOCK_EX | LOCK_NB) == 0) return true;
	close(listener->lock_fd);
	listener->lock_fd = -1;
	return error_set(err, RPC_FAILED_PRECONDITION, "LISTEN_IN_USE", "another process listens on %s", listener->url);
}

/* After port 0 was asked for, the address others can dial. */
static void note_bound_port(struct listener *listener)
{
	int port = 0;
	const char *colon = strrchr(listener->url, ':');
	if (listener->scheme != LISTEN_TCP || strcmp(colon, ":0") != 0) return;
	if (nng_listener_get_int(listener->handle, NNG_OPT_TCP_BOUND_PORT, &port) != 0) return;
	char *url = NULL;
	if (asprintf(&url, "%.*s:%d", (int)(colon - listener->url), listener->url, port) < 0) die("out of memory");
	free(listener->url);
	listener->url = url;
}

static bool start(struct listener *listener, nng_socket socket, struct error *err)
{
	int rv = nng_listener_create(&listener->handle, socket, listener->url);
	if (rv != 0) return refuse(err, listener->url, nng_strerror(rv));
	if (listener->scheme == LISTEN_IPC) rv = nng_listener_set_int(listener->handle, NNG_OPT_IPC_PERMISSIONS, 0600);
	if (rv == 0) rv = nng_listener_start(listener->handle, 0);
	if (rv == 0) {
		note_bound_port(listener);
		return true;
	}
	nng_listener_close(listener->handle);
	if (rv == NNG_EADDRINUSE)
		return error_set(err, RPC_FAILED_PRECONDITION, "LISTEN_IN_USE", "%s is in use", listener->url);
	return refuse(err, listener->url, nng_strerror(rv));
}

bool listener_open(struct listener *listener, nng_socket socket, struct str url, bool allow_insecure_tcp,
                   struct error *err)
{
	*listener = (struct listener){ .lock_fd = -1, .url = strndup(url.ptr ? url.ptr : "", url.len) };
	if (!listener->url) die("out of memory");
	const char *path = listener->url + strlen("ipc://");
	bool ok = true;
	if (str_has_prefix(url, STR("inproc://"))) {
		listener->scheme = LISTEN_INPROC;
	} else if (str_has_prefix(url, STR("ipc://"))) {
		listener->scheme = LISTEN_IPC;
		ok = strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path)
		         ? private_directory(listener->url, path, err) && take_lock(listener, path, err)
		         : refuse(err, listener->url, "the path is longer than 107 bytes");
	} else if (str_has_prefix(url, STR("tcp://"))) {
		listener->scheme = LISTEN_TCP;
		const char *host = listener->url + strlen("tcp://"), *colon = strrchr(host, ':');
		if (!colon)
			ok = refuse(err, listener->url, "no port");
		else if (!allow_insecure_tcp && !host_is_loopback((struct str){ host, (size_t)(colon - host) }))
			ok = refuse(err, listener->url, "plain tcp beyond loopback needs RPC_ALLOW_INSECURE_TCP=true");
	} else {
		ok = refuse(err, listener->url, "the scheme must be inproc, ipc or tcp");
	}
	if (ok && start(listener, socket, err)) return true;
	if (listener->lock_fd >= 0) close(listener->lock_fd);
	free(listener->url);
	*listener = (struct listener){ .lock_fd = -1 };
	return false;
}

bool listener_reopen(struct listener *listener, nng_socket socket, struct error *err)
{
	nng_listener_close(listener->handle);
	return start(listener, socket, err);
}

void listener_close(struct listener *listener)
{
	if (!listener->url) return;
	nng_listener_close(listener->handle);
	if (listener->lock_fd >= 0)
		close(listener->lock_fd); /* the file stays: removing it would race with the next owner */
	free(listener->url);
	*listener = (struct listener){ .lock_fd = -1 };
}
