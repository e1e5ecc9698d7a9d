/* petfood user: accounts, for whoever may read the data directory. Works on the store itself, beside a running daemon or
 * without one. */
#include <string.h>
#include <unistd.h>

#include "rpc/json/json.h"
#include "tools/petfood/cli.h"

enum { LIST_PAGE = 100 };

static bool open_store(struct cli *cli, struct store *out, struct error *err)
{
	if (cli->setup.config.database_url.len == 0 && access(cli->setup.data_dir.ptr, R_OK | W_OK | X_OK) != 0)
		return error_set(err, RPC_FAILED_PRECONDITION, "DATA_DIR",
		                 "cannot use " STR_FMT ": start petfoodd once, or name its --data-dir",
		                 STR_ARG(cli->setup.data_dir));
	return setup_store(cli->arena, &cli->setup, false, out, err);
}

static void add_text(struct strbuf *out, const char *name, struct str text)
{
	strbuf_printf(out, ",\"%s\":", name);
	if (text.len)
		json_print_string(out, text);
	else
		strbuf_add_cstr(out, "null");
}

static void print_user(struct cli *cli, const struct user *user)
{
	char since[TIME_TEXT_BYTES];
	time_format(user->created_at_us, since);
	if (cli->json) {
		struct strbuf out;
		strbuf_init(&out, cli->arena);
		strbuf_add_cstr(&out, "{\"id\":");
		json_print_string(&out, user->id);
		add_text(&out, "username", user->username);
		add_text(&out, "email", user->email);
		strbuf_printf(&out, ",\"is_active\":%s,\"is_superuser\":%s,\"created_at\":\"%s\"}",
		              user->is_active ? "true" : "false", user->is_superuser ? "true" : "false", since);
		(void)printf("%s\n", out.data);
		return;
	}
	print_padded(stdout, user->username, 20);
	(void)putchar(' ');
	print_padded(stdout, user->email.len ? user->email : STR("-"), 30);
	(void)printf(" %-8s %-9s %.10s " STR_FMT "\n", user->is_active ? "active" : "disabled",
	             user->is_superuser ? "superuser" : "-", since, STR_ARG(user->id));
}

static bool list_users(struct cli *cli, const struct user_store *users, struct error *err)
{
	struct user_filter filter = { .text = cli->argc > 1 ? str_from(cli->argv[1]) : STR(""), .limit = LIST_PAGE };
	int64_t total = 0;
	do {
		struct arena_mark mark = arena_mark(cli->arena);
		struct user *page;
		size_t count = 0;
		if (!users->driver->list(users->self, &filter, cli->arena, &page, &count, &total, err)) return false;
		for (size_t i = 0; i < count; i++) print_user(cli, &page[i]);
		filter.offset += LIST_PAGE;
		arena_rewind(cli->arena, mark);
	} while (filter.offset < total);
	if (!cli->json) (void)fprintf(stderr, "%lld %s\n", (long long)total, total == 1 ? "user" : "users");
	return true;
}

/* By name, address or id. */
static bool find_user(struct cli *cli, const struct user_store *users, struct str who, struct user *out,
                      struct error *err)
{
	struct str hash;
	if (users->driver->find(users->self, who, cli->arena, out, &hash, err)) return true;
	if (!error_is(err, "USER_NOT_FOUND")) return false;
	if (users->driver->get(users->self, who, cli->arena, out, err)) return true;
	return error_is(err, "USER_NOT_FOUND")
	           ? error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "there is no user " STR_FMT, STR_ARG(who))
	           : false;
}

static const struct change {
	const char *name, *done;
	bool is_active_flag; /* else the superuser flag */
	bool value;
} changes[] = {
	{ "disable", "is disabled: every session is over, and tokens end within seconds", true, false },
	{ "enable", "is enabled, and may sign in again", true, true },
	{ "promote", "is a superuser", false, true },
	{ "demote", "is no superuser", false, false },
};

static bool change_user(struct cli *cli, const struct user_store *users, const struct change *change, struct error *err)
{
	struct user user;
	if (!find_user(cli, users, str_from(cli->argv[1]), &user, err)) return false;
	bool ok = change->is_active_flag
	              ? users->driver->set_active(users->self, user.id, change->value, time_now_us(), err)
	              : users->driver->set_superuser(users->self, user.id, change->value, time_now_us(), err);
	if (!ok || !users->driver->get(users->self, user.id, cli->arena, &user, err)) return false;
	if (cli->json)
		print_user(cli, &user);
	else
		(void)printf(STR_FMT " %s\n", STR_ARG(user.username), change->done);
	return true;
}

static const struct change *change_find(const char *name)
{
	for (size_t i = 0; i < COUNT(changes); i++)
		if (strcmp(changes[i].name, name) == 0) return &changes[i];
	return NULL;
}

enum cli_exit command_user(struct cli *cli)
{
	struct error err;
	struct store store = { 0 };
	const struct change *change = change_find(cli->argv[0]);
	bool list = strcmp(cli->argv[0], "list") == 0;
	error_clear(&err);
	if ((!list && !change) || (change && cli->argc != 2)) {
		error_set(&err, RPC_INVALID_ARGUMENT, "USAGE",
		          "usage: petfood user list [TEXT], or disable|enable|promote|demote NAME");
		return cli_fail(cli, &err);
	}
	if (!open_store(cli, &store, &err)) return cli_fail(cli, &err);
	bool ok = list ? list_users(cli, &store.users, &err) : change_user(cli, &store.users, change, &err);
	store.close(store.self);
	return ok ? CLI_OK : cli_fail(cli, &err);
}
