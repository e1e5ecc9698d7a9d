/* petfood call, list, describe, health, stats, completion: what any method table offers. */
#include <string.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "rpc/json/json.h"
#include "tools/petfood/cli.h"

enum { REQUEST_BYTES_MAX = 1024 * 1024 };

/* "petfood.v1.TaskService/GetTask", or any unique end of it after a dot or slash: "GetTask". */
static const struct method_side *find_method(const char *name, struct error *err)
{
	const struct method_side *found = method_by_name(str_from(name));
	if (found) return found;
	for (size_t i = 0; i < method_count; i++) {
		struct str full = str_from(method_table[i].name), tail = str_from(name);
		if (!str_has_suffix(full, tail) || full.len == tail.len) continue;
		char before = full.ptr[full.len - tail.len - 1];
		if (before != '/' && before != '.') continue;
		if (found) {
			error_set(err, RPC_INVALID_ARGUMENT, "USAGE", "%s may be %s or %s: write more of it", name, found->name, method_table[i].name);
			return NULL;
		}
		found = &method_table[i];
	}
	if (!found) error_set(err, RPC_INVALID_ARGUMENT, "USAGE", "there is no method %s: petfood list shows them", name);
	return found;
}

enum cli_exit command_call(struct cli *cli)
{
	struct error err;
	struct str json = STR("{}");
	error_clear(&err);
	const struct method_side *method = find_method(cli->argv[0], &err);
	if (!method) return cli_fail(cli, &err);
	if (cli->argc > 1) {
		json = str_from(cli->argv[1]);
		if (str_equal(json, STR("-")) && !cli_read_file(cli->arena, "-", REQUEST_BYTES_MAX, &json, &err)) return cli_fail(cli, &err);
	}
	ProtobufCMessage *request = arena_alloc(cli->arena, method->request->descriptor->sizeof_message), *reply = NULL;
	protobuf_c_message_init(method->request->descriptor, request);
	if (method->auth == AUTH_SERVICE) cli->as_service = true;
	const struct json_parse_options options = { .refuse_unknown = !cli->keep_unknown, .lang = cli->lang };
	if (!json_to_message(cli->arena, json, method->request, &options, request, &err) ||
	    !cli_call(cli, method->name, request, &reply, &err))
		return cli_fail(cli, &err);
	cli_print_json(cli, json_print_arena(cli->arena, reply));
	return CLI_OK;
}

enum cli_exit command_list(struct cli *cli)
{
	struct error err;
	Petfood__Rpc__V1__ListMethodsRequest request = PETFOOD__RPC__V1__LIST_METHODS_REQUEST__INIT;
	ProtobufCMessage *message;
	error_clear(&err);
	if (!cli_call(cli, "petfood.rpc.v1.ReflectionService/ListMethods", &request.base, &message, &err)) return cli_fail(cli, &err);
	if (cli->json) {
		cli_print_json(cli, json_print_arena(cli->arena, message));
		return CLI_OK;
	}
	const Petfood__Rpc__V1__ListMethodsReply *reply = (const void *)message;
	for (size_t i = 0; i < reply->n_methods; i++) {
		const Petfood__Rpc__V1__MethodInfo *m = reply->methods[i];
		print_padded(stdout, str_from(m->name), 46);
		(void)printf("  %-8s", m->auth);
		for (size_t r = 0; r < m->n_routes; r++) (void)printf("%s%s", r ? ", " : "  ", m->routes[r]);
		(void)printf("\n");
	}
	return CLI_OK;
}

enum cli_exit command_describe(struct cli *cli)
{
	struct error err;
	Petfood__Rpc__V1__DescribeRequest request = PETFOOD__RPC__V1__DESCRIBE_REQUEST__INIT;
	ProtobufCMessage *message;
	error_clear(&err);
	const struct method_side *method = find_method(cli->argv[0], &err);
	request.name = (char *)(method ? method->name : cli->argv[0]);
	if (!cli_call(cli, "petfood.rpc.v1.ReflectionService/Describe", &request.base, &message, &err)) return cli_fail(cli, &err);
	if (cli->json) {
		cli_print_json(cli, json_print_arena(cli->arena, message));
		return CLI_OK;
	}
	const Petfood__Rpc__V1__DescribeReply *reply = (const void *)message;
	if (reply->method) {
		(void)printf("%s\n  takes %s, gives %s; caller: %s%s\n", reply->method->name, reply->method->request_type,
		             reply->method->reply_type, reply->method->auth, reply->method->no_side_effects ? "; no side effects" : "");
		for (size_t r = 0; r < reply->method->n_routes; r++) (void)printf("  %s\n", reply->method->routes[r]);
		(void)printf("\n");
	}
	(void)printf("%s\n", reply->message);
	for (size_t i = 0; i < reply->n_fields; i++) {
		const Petfood__Rpc__V1__FieldInfo *f = reply->fields[i];
		(void)printf("  %-24s %s%s%s", f->name, f->repeated ? "list of " : "", f->type, f->required ? ", required" : f->optional ? ", optional" : "");
		for (size_t v = 0; v < f->n_values; v++) (void)printf("%s%s", v ? "|" : ": ", f->values[v]);
		(void)printf("\n");
	}
	return CLI_OK;
}

enum cli_exit command_health(struct cli *cli)
{
	struct error err;
	Petfood__Rpc__V1__HealthCheckRequest request = PETFOOD__RPC__V1__HEALTH_CHECK_REQUEST__INIT;
	ProtobufCMessage *message;
	error_clear(&err);
	if (!cli_call(cli, "petfood.rpc.v1.HealthService/Check", &request.base, &message, &err)) return cli_fail(cli, &err);
	const Petfood__Rpc__V1__HealthCheckReply *reply = (const void *)message;
	bool well = reply->status == PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY;
	if (cli->json) {
		cli_print_json(cli, json_print_arena(cli->arena, message));
	} else {
		(void)printf("%s, version %s%s\n", well ? "healthy" : "unhealthy", reply->version, reply->ready ? "" : ", not ready");
		for (size_t i = 0; i < reply->n_components; i++) {
			const Petfood__Rpc__V1__HealthComponent *c = reply->components[i];
			bool fine = c->status == PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY;
			(void)printf("  %-10s %-10s %s\n", c->name, c->driver, fine ? "healthy" : "unhealthy");
		}
	}
	return well && reply->ready ? CLI_OK : CLI_REFUSED;
}

enum cli_exit command_stats(struct cli *cli)
{
	struct error err;
	Petfood__Rpc__V1__GetStatsRequest request = PETFOOD__RPC__V1__GET_STATS_REQUEST__INIT;
	ProtobufCMessage *message;
	error_clear(&err);
	cli->as_service = true;
	if (!cli_call(cli, "petfood.rpc.v1.StatsService/GetStats", &request.base, &message, &err)) return cli_fail(cli, &err);
	const Petfood__Rpc__V1__GetStatsReply *reply = (const void *)message;
	if (cli->json) cli_print_json(cli, json_print_arena(cli->arena, message));
	else (void)fputs(reply->prometheus, stdout);
	return CLI_OK;
}

/* Words come from the tables, so a new command or method completes by itself. */
enum cli_exit command_completion(struct cli *cli)
{
	(void)cli;
	(void)printf("_petfood() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n\tcase $before in\n\tcall|describe) COMPREPLY=($(compgen -W '");
	for (size_t i = 0; i < method_count; i++) (void)printf("%s%s", i ? " " : "", strchr(method_table[i].name, '/') + 1);
	(void)printf("' -- \"$word\")) ;;\n\tplan|verify|--env-file) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n\tuser) COMPREPLY=($(compgen -W 'list disable enable promote demote' -- \"$word\")) ;;\n\t--lang) COMPREPLY=($(compgen -W 'zh en' -- \"$word\")) ;;\n\t*) COMPREPLY=($(compgen -W '");
	for (size_t i = 0; i < command_count; i++) (void)printf("%s ", commands[i].name);
	(void)printf("--json --lang --user --token --data-dir --env-file --idempotency-key --help' -- \"$word\")) ;;\n\tesac\n}\ncomplete -F _petfood petfood\n");
	return CLI_OK;
}
