#include "tools/petfoodd/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/outbound/mail/outbox.h"
#include "rpc/outbound/mail/smtp.h"
#include "store/base/uuid.h"
#include "store/sqlite/sqlite_store.h"

enum { SOCKET_PATH_MAX = 100 }; /* sun_path holds 108 with NUL; room for the lock file's suffix */

/* ---- configuration ---- */

static bool default_data_dir(struct arena *arena, struct str *out, struct error *err)
{
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (xdg && xdg[0] == '/') *out = str_printf(arena, "%s/petfood", xdg);
	else if (home && home[0] == '/') *out = str_printf(arena, "%s/.local/share/petfood", home);
	else
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
		                 "PETFOOD_DATA_DIR is not set, and there is no HOME to put it under");
	return true;
}

static bool absolute_data_dir(struct arena *arena, struct setup *setup, struct error *err)
{
	struct str dir = setup->config.data_dir;
	if (dir.len == 0) {
		if (!default_data_dir(arena, &dir, err)) return false;
	} else if (dir.ptr[0] != '/') {
		char cwd[4096];
		if (!getcwd(cwd, sizeof cwd)) return error_set(err, RPC_INTERNAL, "INTERNAL", "getcwd: %s", strerror(errno));
		dir = str_printf(arena, "%s/" STR_FMT, cwd, STR_ARG(dir));
	}
	while (dir.len > 1 && dir.ptr[dir.len - 1] == '/') dir.len--;
	setup->data_dir = str_dup(arena, dir);
	return true;
}

static struct str_set one_socket(struct arena *arena, const struct setup *setup, const char *name)
{
	struct str_set set = { 1, arena_new(arena, struct str) };
	set.items[0] = str_printf(arena, "ipc://" STR_FMT "/run/%s.sock", STR_ARG(setup->data_dir), name);
	return set;
}

static struct str_set or_default(config_list list, struct str_set fallback)
{
	return list.count ? (struct str_set){ list.count, list.items } : fallback;
}

static bool check_addresses(const struct str_set *set, const char *key, struct error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		struct str a = set->items[i];
		bool ipc = str_has_prefix(a, STR("ipc:///")), tcp = str_has_prefix(a, STR("tcp://"));
		if (!ipc && !tcp)
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
			                 "%s=" STR_FMT " is not valid: an address is ipc:///path or tcp://host:port", key, STR_ARG(a));
		if (ipc && a.len - 6 > SOCKET_PATH_MAX)
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
			                 "the socket path of %s is longer than %d bytes: choose a shorter PETFOOD_DATA_DIR", key, SOCKET_PATH_MAX);
	}
	return true;
}

bool setup_load(struct arena *arena, const char *env_file, int flag_count, const char *const *flags, struct setup *out,
                struct error *err)
{
	memset(out, 0, sizeof *out);
	const struct config_source source = { .arena = arena,
		                              .env_file = env_file[0] ? env_file : ".env",
		                              .env_file_required = env_file[0] != '\0',
		                              .environment = environ,
		                              .flag_count = flag_count,
		                              .flags = flags };
	struct config *c = &out->config;
	if (!config_load(config_keys, config_key_count, &source, c, err) || !absolute_data_dir(arena, out, err)) return false;
	if (c->task_heartbeat_ms * 2 > c->task_lease_ms)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
		                 "TASK_HEARTBEAT_MS=%lld is not valid: at most half of TASK_LEASE_MS=%lld", (long long)c->task_heartbeat_ms,
		                 (long long)c->task_lease_ms);
	if ((c->tls_cert_file.len == 0) != (c->tls_key_file.len == 0))
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "TLS_CERT_FILE and TLS_KEY_FILE belong together: one of them is empty");
	if (!str_equal(c->redis_url, STR("memory:")) && c->redis_url.len)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "REDIS_URL is not valid: this version knows memory: only");
	out->rpc_listen = or_default(c->rpc_listen, one_socket(arena, out, "rpc"));
	out->rpc_endpoints = or_default(c->rpc_endpoints, out->rpc_listen);
	out->events_listen = or_default(c->events_listen, one_socket(arena, out, "events"));
	out->events_endpoints = or_default(c->events_endpoints, out->events_listen);
	return check_addresses(&out->rpc_listen, "RPC_LISTEN", err) && check_addresses(&out->rpc_endpoints, "RPC_ENDPOINTS", err) &&
	       check_addresses(&out->events_listen, "EVENTS_LISTEN", err) &&
	       check_addresses(&out->events_endpoints, "EVENTS_ENDPOINTS", err);
}

/* ---- data directory ---- */

static bool make_private_directory(const char *path, struct error *err)
{
	char partial[4096];
	if (strlen(path) >= sizeof partial)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "the path %.60s… is too long", path);
	(void)snprintf(partial, sizeof partial, "%s", path);
	for (char *p = partial + 1; *p; p++) { /* parents as mkdir -p makes them, the last one private */
		if (*p != '/') continue;
		*p = '\0';
		if (mkdir(partial, 0755) != 0 && errno != EEXIST)
			return error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR", "cannot make %s: %s", partial, strerror(errno));
		*p = '/';
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR", "cannot make %s: %s", path, strerror(errno));
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR", "%s is not a directory", path);
	if ((st.st_mode & 077) && chmod(path, 0700) != 0)
		return error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR", "%s can be read by others and cannot be closed: %s", path,
		                 strerror(errno));
	return true;
}

bool setup_directories(const struct setup *setup, struct error *err)
{
	static const char *const parts[] = { "", "/run", "/keys" };
	for (size_t i = 0; i < COUNT(parts); i++) {
		char path[4096];
		(void)snprintf(path, sizeof path, STR_FMT "%s", STR_ARG(setup->data_dir), parts[i]);
		if (!make_private_directory(path, err)) return false;
	}
	return true;
}

/* ---- keys ---- */

/* Values of published .env.example files were never meant to be secrets: whole phrases, or a text that begins like one. Short words
 * count at the beginning only, so that no random secret is taken for one. */
static bool is_placeholder(struct str value)
{
	static const char *const anywhere[] = { "changeme", "change-me", "change_me", "change-in-production", "secret-key-here", "placeholder" };
	static const char *const beginnings[] = { "your-", "your_", "change-this", "change_this", "example", "xxxx", "secret-key", "test-secret" };
	for (size_t i = 0; i < COUNT(anywhere); i++) {
		struct str word = str_from(anywhere[i]);
		for (size_t at = 0; at + word.len <= value.len; at++)
			if (str_equal_nocase((struct str){ value.ptr + at, word.len }, word)) return true;
	}
	for (size_t i = 0; i < COUNT(beginnings); i++) {
		struct str word = str_from(beginnings[i]);
		if (value.len >= word.len && str_equal_nocase((struct str){ value.ptr, word.len }, word)) return true;
	}
	return value.len > 1 && value.ptr[0] == '<' && value.ptr[value.len - 1] == '>';
}

static bool write_new_key(const char *path, struct error *err)
{
	unsigned char bytes[48];
	char text[sodium_base64_ENCODED_LEN(sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	char partial[4200];
	entropy_fill(bytes, sizeof bytes);
	sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	/* Written beside and linked: whoever starts at the same moment sees no key or a whole one, and only one wins. */
	(void)snprintf(partial, sizeof partial, "%s.%ld", path, (long)getpid());
	int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
	if (fd >= 0) (void)close(fd);
	if (ok && link(partial, path) != 0 && errno != EEXIST) ok = false;
	if (!ok) error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR", "cannot write %s: %s", path, strerror(errno));
	(void)unlink(partial);
	sodium_memzero(bytes, sizeof bytes);
	sodium_memzero(text, sizeof text);
	return ok;
}

static bool read_key(struct arena *arena, const char *path, struct str *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return false;
	char *text = arena_alloc(arena, 513);
	ssize_t n = read(fd, text, 512);
	(void)close(fd);
	if (n < 0) return false;
	*out = str_trim((struct str){ text, (size_t)n });
	return true;
}

static bool key_refused(struct error *err, const char *name, const char *why)
{
	return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "%s is not valid: %s", name, why);
}

/* kid: letters, digits, '.', '_' and '-', as few as fit; "" = tokens without one. */
static bool add_key(const char *name, struct str kid, struct str secret, struct token_keys *keys, struct error *err)
{
	struct token_key *key = &keys->keys[keys->count];
	if (keys->count == TOKEN_KEYS_MAX) return key_refused(err, name, "more than three old keys");
	if (kid.len >= sizeof key->kid) return key_refused(err, name, "a key's id is longer than 32 characters");
	for (size_t i = 0; i < kid.len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", kid.ptr[i]))
			return key_refused(err, name, "a key's id is of letters, digits, '.', '_' and '-'");
	for (size_t i = 0; i < keys->count; i++)
		if (str_equal(str_from(keys->keys[i].kid), kid)) return key_refused(err, name, "two keys have the same id");
	if (secret.len < TOKEN_KEY_BYTES_MIN)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "%s has %zu bytes, and needs at least %d", name, secret.len,
		                 TOKEN_KEY_BYTES_MIN);
	(void)snprintf(key->kid, sizeof key->kid, STR_FMT, STR_ARG(kid));
	key->secret = secret;
	keys->count++;
	return true;
}

static bool add_old_keys(const struct config *config, struct token_keys *keys, struct error *err)
{
	for (size_t i = 0; i < config->jwt_old_keys.count; i++) {
		struct str item = config->jwt_old_keys.items[i];
		size_t at = str_find(item, STR("="), 0);
		if (at == SIZE_MAX) return key_refused(err, "JWT_OLD_KEYS", "write each as id=secret");
		struct str kid = { item.ptr, at }, secret = { item.ptr + at + 1, item.len - at - 1 };
		if (is_placeholder(secret)) return key_refused(err, "JWT_OLD_KEYS", "a placeholder");
		if (!add_key("JWT_OLD_KEYS", kid, secret, keys, err)) return false;
	}
	return true;
}

bool setup_keys(struct arena *arena, const struct setup *setup, bool make, struct token_keys *out, struct error *err)
{
	struct str secret = setup->config.jwt_secret_key;
	if (sodium_init() < 0) die("libsodium did not start");
	if (secret.len == 0) {
		struct str path = str_printf(arena, STR_FMT "/keys/jwt.key", STR_ARG(setup->data_dir));
		if (!read_key(arena, path.ptr, &secret)) {
			if (!make)
				return error_set(err, RPC_FAILED_PRECONDITION, "KEY_MISSING", "there is no key at " STR_FMT ": start petfoodd once, or set JWT_SECRET_KEY",
				                 STR_ARG(path));
			if (!write_new_key(path.ptr, err)) return false;
			if (!read_key(arena, path.ptr, &secret))
				return error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR", "cannot read " STR_FMT, STR_ARG(path));
		}
	} else if (is_placeholder(secret)) {
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "JWT_SECRET_KEY is a placeholder: set a secret of your own, or leave it empty");
	}
	*out = (struct token_keys){ 0 };
	return add_key("JWT_SECRET_KEY", setup->config.jwt_key_id, secret, out, err) && add_old_keys(&setup->config, out, err);
}

bool setup_service_token(struct arena *arena, const struct token_keys *keys, const char *service, int64_t life_s, struct str *out,
                         struct error *err)
{
	int64_t now_s = time_now_us() / 1000000;
	struct token_claims claims = { .type = TOKEN_SERVICE, .issued_at_s = now_s, .expires_at_s = now_s + life_s };
	(void)snprintf(claims.subject, sizeof claims.subject, "%s", service);
	struct str token;
	if (!token_sign(arena, keys, &claims, &token, err)) return false;
	*out = str_printf(arena, "Bearer " STR_FMT, STR_ARG(token));
	return true;
}

/* ---- store ---- */

bool setup_store(struct arena *arena, const struct setup *setup, bool exclusive, struct store *out, struct error *err)
{
	struct str url = setup->config.database_url, path;
	if (url.len == 0) path = str_printf(arena, STR_FMT "/petfood.db", STR_ARG(setup->data_dir));
	else if (str_has_prefix(url, STR("sqlite:///"))) path = str_printf(arena, "%s", url.ptr + 9);
	else
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
		                 "DATABASE_URL is not valid: this version knows sqlite:///path only; leave it empty for the data directory");
	const struct sqlite_store_options options = { .path = path,
		                                      .exclusive = exclusive,
		                                      .echo_sql = setup->config.database_echo,
		                                      .busy_timeout_ms = 5000,
		                                      .clock = &clock_system };
	return sqlite_store_open(&options, out, err);
}

/* ---- mail ---- */

bool setup_mail(struct arena *arena, const struct setup *setup, struct mail_driver *out, struct error *err)
{
	const struct config *c = &setup->config;
	bool placeholder = is_placeholder(c->smtp_username) || is_placeholder(c->smtp_password);
	bool by_smtp = str_equal(c->mail_driver, STR("smtp")) ||
	               (str_equal(c->mail_driver, STR("auto")) && c->smtp_username.len > 0 && !placeholder);
	if (!by_smtp) {
		const struct mail_outbox_options outbox = {
			.folder = c->mail_outbox_dir.len ? c->mail_outbox_dir : str_printf(arena, STR_FMT "/outbox", STR_ARG(setup->data_dir)),
			.from_address = c->smtp_from_email,
		};
		return mail_outbox_open(&outbox, out, err);
	}
	if (placeholder)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "SMTP_USERNAME or SMTP_PASSWORD is a placeholder: set your own");
	const struct mail_smtp_options smtp = {
		.host = c->smtp_host,
		.port = c->smtp_port,
		.username = c->smtp_username,
		.password = c->smtp_password,
		.from_address = c->smtp_from_email,
		.use_tls = c->smtp_use_tls,
		.ca_file = c->smtp_ca_file,
	};
	return mail_smtp_open(&smtp, out, err);
}
