#include "rpc/outbound/mail/smtp.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_TIMEOUT_MS = 10000, TIMEOUT_MS = 30000, WAIT_MS = 1000 };

struct smtp {
	CURLM *multi; /* a transfer inside a multi can be ended at once from another thread */
	char *url, *username, *password, *from, *ca_file;
	bool implicit_tls, use_tls;
	long connect_timeout_ms, timeout_ms;
	atomic_bool stopped;
	pthread_mutex_t lock;
	int socket; /* of the transfer under way, -1 = none; under lock */
};

static void curl_start(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) die("libcurl did not start");
}

static char *copy(struct str s)
{
	char *text = strndup(s.ptr ? s.ptr : "", s.len);
	if (!text) die("out of memory");
	return text;
}

static bool is_loopback(struct str host)
{
	char text[64];
	struct in_addr v4;
	struct in6_addr v6;
	if (str_equal_nocase(host, STR("localhost"))) return true;
	if (host.len >= sizeof text) return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* What is told of a failed transfer: curl's words have no address in them. */
static bool transfer_failed(CURL *easy, CURLcode rc, const char *words, struct error *err)
{
	static const struct {
		CURLcode rc;
		const char *reason;
	} reasons[] = {
		{ CURLE_LOGIN_DENIED, "MAIL_LOGIN" },           { CURLE_AUTH_ERROR, "MAIL_LOGIN" },
		{ CURLE_PEER_FAILED_VERIFICATION, "MAIL_TLS" }, { CURLE_USE_SSL_FAILED, "MAIL_TLS" },
		{ CURLE_SSL_CONNECT_ERROR, "MAIL_TLS" },        { CURLE_SSL_CERTPROBLEM, "MAIL_TLS" },
		{ CURLE_SSL_CACERT_BADFILE, "MAIL_TLS" },       { CURLE_SSL_CIPHER, "MAIL_TLS" },
		{ CURLE_SSL_ISSUER_ERROR, "MAIL_TLS" },
	};
	const char *reason = "MAIL_UNREACHABLE";
	long answer = 0;
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer);
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].rc == rc) reason = reasons[i].reason;
	bool unspecific = strcmp(reason, "MAIL_UNREACHABLE") == 0;
	/* 530, 534, 535, 538: it wants a login, or another one (RFC 4954, 6). An operator can mend that; the mail is not to blame. */
	if (unspecific && (answer == 530 || answer == 534 || answer == 535 || answer == 538))
		reason = "MAIL_LOGIN";
	else if (unspecific && answer >= 500 && answer <= 599)
		return error_set(err, RPC_FAILED_PRECONDITION, "MAIL_REFUSED", "the mail server refused with %ld: %s",
		                 answer, words);
	return error_set(err, RPC_UNAVAILABLE, reason, "%s (%d, last answer %ld)", words, (int)rc, answer);
}

/* curl says QUIT before it closes a connection, and waits for the answer wherever it does so. Once we are stopped nobody may be waited
 * for, so the line is cut under it. */
static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct smtp *smtp = self;
	(void)purpose;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	(void)pthread_mutex_lock(&smtp->lock);
	smtp->socket = fd;
	(void)pthread_mutex_unlock(&smtp->lock);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int close_socket(void *self, curl_socket_t fd)
{
	struct smtp *smtp = self;
	(void)pthread_mutex_lock(&smtp->lock);
	if (smtp->socket == fd) smtp->socket = -1;
	(void)pthread_mutex_unlock(&smtp->lock);
	return close(fd);
}

/* Until the transfer has ended or we are stopped. */
static bool run(struct smtp *smtp, CURL *easy, const char *words, struct error *err)
{
	CURLcode rc = CURLE_OK;
	int running = 1;
	if (curl_multi_add_handle(smtp->multi, easy) != CURLM_OK)
		return error_set(err, RPC_INTERNAL, "INTERNAL", "curl_multi_add_handle");
	while (running && !atomic_load(&smtp->stopped)) {
		CURLMcode m = curl_multi_perform(smtp->multi, &running);
		if (m == CURLM_OK && running) m = curl_multi_poll(smtp->multi, NULL, 0, WAIT_MS, NULL);
		if (m != CURLM_OK) {
			(void)curl_multi_remove_handle(smtp->multi, easy);
			return error_set(err, RPC_UNAVAILABLE, "MAIL_UNREACHABLE", "%s", curl_multi_strerror(m));
		}
	}
	for (CURLMsg *message; (message = curl_multi_info_read(smtp->multi, &(int){ 0 }));)
		if (message->msg == CURLMSG_DONE) rc = message->data.result;
	(void)curl_multi_remove_handle(smtp->multi, easy);
	if (running) return error_set(err, RPC_CANCELLED, "MAIL_STOPPED", "the delivery was ended");
	if (rc != CURLE_OK) return transfer_failed(easy, rc, words[0] ? words : curl_easy_strerror(rc), err);
	return true;
}

static size_t give_bytes(char *out, size_t size, size_t count, void *self)
{
	struct str *rest = self;
	size_t n = size * count < rest->len ? size * count : rest->len;
	memcpy(out, rest->ptr, n);
	*rest = (struct str){ rest->ptr + n, rest->len - n };
	return n;
}

static bool smtp_deliver(void *self, const struct mail_message *mail, struct error *err)
{
	struct smtp *smtp = self;
	struct arena *scratch = arena_create(0);
	struct curl_slist *to = NULL;
	CURL *easy = NULL;
	struct str bytes;
	char words[CURL_ERROR_SIZE] = "";
	bool ok = false;
	if (!mail_print(scratch, mail, str_from(smtp->from), &bytes, err)) goto out;
	easy = curl_easy_init();
	to = curl_slist_append(NULL, str_dup_c(scratch, mail->to));
	if (!easy || !to) die("out of memory");
	(void)curl_easy_setopt(easy, CURLOPT_URL, smtp->url);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, smtp->connect_timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, smtp->timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE,
	                       1L); /* an idle connection is dead by the next mail, and one says so late */
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a stop does not wait for a name server */
	(void)curl_easy_setopt(easy, CURLOPT_USE_SSL,
	                       (long)(smtp->implicit_tls || smtp->use_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	(void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (smtp->ca_file[0]) (void)curl_easy_setopt(easy, CURLOPT_CAINFO, smtp->ca_file);
	if (smtp->username[0]) {
		(void)curl_easy_setopt(easy, CURLOPT_USERNAME, smtp->username);
		(void)curl_easy_setopt(easy, CURLOPT_PASSWORD, smtp->password);
	}
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, smtp);
	(void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	(void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, smtp);
	(void)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, smtp->from);
	(void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_bytes);
	(void)curl_easy_setopt(easy, CURLOPT_READDATA, &bytes);
	ok = run(smtp, easy, words, err);
out:
	curl_easy_cleanup(easy);
	curl_slist_free_all(to);
	arena_destroy(&scratch);
	return ok;
}

static void smtp_stop(void *self)
{
	struct smtp *smtp = self;
	atomic_store(&smtp->stopped, true);
	(void)pthread_mutex_lock(&smtp->lock);
	if (smtp->socket >= 0) (void)shutdown(smtp->socket, SHUT_RDWR);
	(void)pthread_mutex_unlock(&smtp->lock);
	(void)curl_multi_wakeup(smtp->multi);
}

static void smtp_close(void *self)
{
	struct smtp *smtp = self;
	(void)curl_multi_cleanup(smtp->multi);
	(void)pthread_mutex_destroy(&smtp->lock);
	sodium_memzero(smtp->password, strlen(smtp->password));
	free(smtp->url);
	free(smtp->username);
	free(smtp->password);
	free(smtp->from);
	free(smtp->ca_file);
	free(smtp);
}

static const struct mail_driver_ops smtp_ops = { "smtp", smtp_deliver, smtp_stop, smtp_close };

static bool invalid(const char *name, const char *why, struct error *err)
{
	return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "%s %s", name, why);
}

/* As a URL wants it: letters, digits, dots and hyphens, or an address of IPv6 in brackets. */
static bool host_is_sound(struct str host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		      c == '-' || c == ':'))
			return false;
	}
	return host.len > 0 && host.len <= 253;
}

bool mail_smtp_open(const struct mail_smtp_options *options, struct mail_driver *out, struct error *err)
{
	static pthread_once_t started = PTHREAD_ONCE_INIT;
	struct str from = options->from_address.len ? options->from_address : options->username;
	bool implicit = options->port == SMTP_PORT_IMPLICIT_TLS;
	if (!host_is_sound(options->host)) return invalid("SMTP_HOST", "is no name or address of a host", err);
	if (options->port < 1 || options->port > 65535) return invalid("SMTP_PORT", "is not 1 to 65535", err);
	if (!implicit && !options->use_tls && !is_loopback(options->host))
		return invalid("SMTP_USE_TLS=false",
		               "is for a server on this machine only: codes and the password would be in the open",
		               err);
	if (!mail_address_check(from, err)) return invalid("SMTP_FROM_EMAIL", "is no address", err);
	(void)pthread_once(&started, curl_start);
	struct smtp *smtp = calloc(1, sizeof *smtp);
	if (!smtp || !(smtp->multi = curl_multi_init())) die("out of memory");
	bool brackets = str_find(options->host, STR(":"), 0) != SIZE_MAX;
	struct strbuf url;
	strbuf_init(&url, NULL);
	strbuf_printf(&url, "%s://%s" STR_FMT "%s:%d", implicit ? "smtps" : "smtp", brackets ? "[" : "",
	              STR_ARG(options->host), brackets ? "]" : "", (int)options->port);
	smtp->url = url.data;
	smtp->username = copy(options->username);
	smtp->password = copy(options->password);
	smtp->from = copy(from);
	smtp->ca_file = copy(options->ca_file);
	(void)pthread_mutex_init(&smtp->lock, NULL);
	smtp->socket = -1;
	smtp->implicit_tls = implicit;
	smtp->use_tls = options->use_tls;
	smtp->connect_timeout_ms = options->connect_timeout_ms ? (long)options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	smtp->timeout_ms = options->timeout_ms ? (long)options->timeout_ms : TIMEOUT_MS;
	*out = (struct mail_driver){ smtp, &smtp_ops };
	return true;
}
