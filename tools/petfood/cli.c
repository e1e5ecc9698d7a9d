#include "tools/petfood/cli.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "rpc/json/json.h"

enum cli_exit cli_fail(struct cli *cli, const struct error *err)
{
	struct arena *arena = cli->arena;
	const struct reason_info *info = reason_find(str_from(err->reason));
	struct str text = str_from(err->message);
	/* What came over the line is rendered already; what was raised here is rendered now where it has a row. */
	if (info && (err->param_count || err->violation_count)) text = reason_render(arena, info, cli->lang, err->param_count, err->params);
	if (cli->json) {
		struct strbuf out;
		strbuf_init(&out, arena);
		strbuf_printf(&out, "{\"code\":\"%s\",\"reason\":", rpc_code_name(err->code));
		json_print_string(&out, str_from(err->reason));
		strbuf_add_cstr(&out, ",\"message\":");
		json_print_string(&out, text);
		strbuf_add_cstr(&out, ",\"violations\":[");
		for (size_t i = 0; i < err->violation_count; i++) {
			strbuf_add_cstr(&out, i ? ",{\"field\":" : "{\"field\":");
			json_print_string(&out, str_from(err->violations[i].field));
			strbuf_add_cstr(&out, ",\"type\":");
			json_print_string(&out, str_from(err->violations[i].type));
			strbuf_add_cstr(&out, ",\"message\":");
			json_print_string(&out, str_from(err->violations[i].message));
			strbuf_add_char(&out, '}');
		}
		strbuf_add_cstr(&out, "]}");
		(void)printf("%s\n", out.data);
	} else {
		(void)fprintf(stderr, "petfood: " STR_FMT "\n", STR_ARG(text));
		for (size_t i = 0; i < err->violation_count; i++)
			(void)fprintf(stderr, "  %s%s%s\n", err->violations[i].field, err->violations[i].field[0] ? ": " : "the document ",
			              err->violations[i].message);
		if (error_is(err, "UNREACHABLE"))
			(void)fprintf(stderr, "Is the daemon running? It listens under " STR_FMT " (PETFOOD_DATA_DIR). Start it: petfoodd\n",
			              STR_ARG(cli->setup.data_dir));
	}
	if (error_is(err, "CONFIG_INVALID") || error_is(err, "USAGE")) return CLI_USAGE;
	if (error_is(err, "FILE")) return CLI_FAILED;
	if (error_is(err, "UNREACHABLE") || error_is(err, "KEY_MISSING") || error_is(err, "DATA_DIR")) return CLI_UNREACHABLE;
	return CLI_REFUSED;
}

bool cli_connect(struct cli *cli, struct error *err)
{
	const struct rpc_client_options options = { .endpoints = cli->setup.rpc_endpoints.items,
		                                    .endpoint_count = cli->setup.rpc_endpoints.count };
	return cli->client || rpc_client_create(&options, &cli->client, err);
}

bool cli_token(struct cli *cli, struct str *out_token, struct str *out_user_id, struct error *err)
{
	struct token_keys keys;
	struct store store = { 0 };
	struct user user;
	bool made;
	int64_t now_us = time_now_us();
	if (!setup_keys(cli->arena, &cli->setup, false, &keys, err) || !setup_store(cli->arena, &cli->setup, false, &store, err)) return false;
	bool ok = store.users.driver->ensure(store.users.self, str_from(cli->user ? cli->user : "local"), now_us, cli->arena, &user, &made, err);
	store.close(store.self);
	if (ok && !user.is_active) ok = error_set(err, RPC_UNAUTHENTICATED, "USER_DISABLED", "the user is disabled");
	if (!ok) return false;
	int64_t life_s = cli->days ? cli->days * 86400 : cli->setup.config.jwt_access_minutes * 60;
	struct token_claims claims = { .type = TOKEN_ACCESS, .issued_at_s = now_us / 1000000, .expires_at_s = now_us / 1000000 + life_s };
	(void)snprintf(claims.subject, sizeof claims.subject, STR_FMT, STR_ARG(user.id));
	(void)snprintf(claims.username, sizeof claims.username, STR_FMT, STR_ARG(user.username));
	*out_user_id = user.id;
	return token_sign(cli->arena, &keys, &claims, out_token, err);
}

bool cli_authorize(struct cli *cli, struct error *err)
{
	struct str token, user_id;
	if (cli->authorization.len) return true;
	if (cli->token && cli->token[0]) {
		cli->authorization = str_printf(cli->arena, "Bearer %s", cli->token);
		return true;
	}
	if (cli->as_service) {
		struct token_keys keys;
		return setup_keys(cli->arena, &cli->setup, false, &keys, err) &&
		       setup_service_token(cli->arena, &keys, "cli", 300, &cli->authorization, err);
	}
	if (!cli_token(cli, &token, &user_id, err)) return false;
	cli->authorization = str_printf(cli->arena, "Bearer " STR_FMT, STR_ARG(token));
	return true;
}

bool cli_call(struct cli *cli, const char *method, const ProtobufCMessage *request, ProtobufCMessage **out, struct error *err)
{
	const struct method_side *side = method_by_name(str_from(method));
	if (!side) return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "there is no method %s", method);
	if (!cli_connect(cli, err)) return false;
	if (side->auth != AUTH_NONE && !cli_authorize(cli, err)) return false;
	const struct rpc_metadata metadata = { .authorization = side->auth == AUTH_NONE ? STR_NONE : cli->authorization,
		                               .accept_language = cli->lang == LANG_ZH ? STR("zh-CN") : STR("en"),
		                               .idempotency_key = str_from(cli->idempotency_key) };
	return rpc_client_call(cli->client, side, request, &metadata, 0, cli->arena, out, err);
}

bool cli_read_file(struct arena *arena, const char *path, size_t limit, struct str *out, struct error *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (!f) return error_set(err, RPC_NOT_FOUND, "FILE", "cannot open %s: %s", path, strerror(errno));
	struct strbuf buf;
	strbuf_init(&buf, arena);
	char chunk[16384];
	size_t n;
	while (buf.len <= limit && (n = fread(chunk, 1, sizeof chunk, f)) > 0) strbuf_add(&buf, chunk, n);
	bool bad = ferror(f) != 0;
	if (f != stdin) (void)fclose(f);
	if (bad) return error_set(err, RPC_INTERNAL, "FILE", "cannot read %s: %s", path, strerror(errno));
	if (buf.len > limit) return error_set(err, RPC_INVALID_ARGUMENT, "FILE", "%s is larger than %zu bytes", path, limit);
	*out = strbuf_str(&buf);
	return true;
}

void cli_print_json(const struct cli *cli, struct str json)
{
	json_t *root = cli->json ? NULL : json_loadb(json.ptr, json.len, JSON_DECODE_ANY, NULL);
	char *pretty = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY) : NULL;
	if (pretty) (void)printf("%s\n", pretty);
	else (void)printf(STR_FMT "\n", STR_ARG(json));
	free(pretty);
	json_decref(root);
}

/* The next code point and its columns; *i moves on. */
static int next_columns(struct str text, size_t *i)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t n = mbrtowc(&wide, text.ptr + *i, text.len - *i, &state);
	if (n == 0 || n > text.len - *i) {
		*i += 1;
		return 1;
	}
	*i += n;
	int width = wcwidth(wide);
	return width < 0 ? 0 : width;
}

int text_columns(struct str text)
{
	int columns = 0;
	for (size_t i = 0; i < text.len;) columns += next_columns(text, &i);
	return columns;
}

void print_padded(FILE *out, struct str text, int columns)
{
	int used = 0;
	size_t end = 0;
	bool cut = text_columns(text) > columns;
	for (size_t i = 0; i < text.len;) {
		int width = next_columns(text, &i);
		if (used + width > columns - (cut ? 1 : 0)) break;
		used += width;
		end = i;
	}
	(void)fwrite(text.ptr, 1, end, out);
	if (cut) (void)fputs("…", out), used++;
	for (; used < columns; used++) (void)fputc(' ', out);
}
