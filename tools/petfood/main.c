/* petfood: the command-line client. This file knows the commands and options; each command has its own file. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/log.h"
#include "tools/petfood/cli.h"

const struct command commands[] = {
	{ "call", "METHOD [JSON]", "call any method with a JSON request",
	  "  petfood call petfood.v1.TaskService/ListTasks '{\"page_size\": 5}'\n"
	  "The service's name may be left out where the method's is unique: petfood call ListTasks. JSON \"-\" reads standard input.\n"
	  "Unknown fields are refused; --keep-unknown ignores them. --service calls as a service instead of as a user.\n",
	  1, 2, command_call },
	{ "list", "", "list the methods of the daemon", "  petfood list\n", 0, 0, command_list },
	{ "describe", "NAME", "show a method's request, or a message",
	  "  petfood describe CreatePlan\n  petfood describe petfood.v1.Task\n", 1, 1, command_describe },
	{ "health", "", "say whether the daemon and its parts are well", "  petfood health && echo fine\n", 0, 0, command_health },
	{ "stats", "", "print the daemon's metrics", "  petfood stats | grep rpc_\n", 0, 0, command_stats },
	{ "token", "", "make an access token for a user (made if there is none)",
	  "  petfood token --user ann\n"
	  "  curl -H \"Authorization: Bearer $(petfood token --user ann)\" http://127.0.0.1:8000/api/v1/tasks/\n"
	  "--days N makes it valid for N days instead of JWT_ACCESS_TOKEN_EXPIRE_MINUTES. Needs the data directory's key.\n",
	  0, 0, command_token },
	{ "user", "ACTION [NAME]", "list, disable, enable, promote accounts",
	  "  petfood user list            all accounts; list TEXT: those with TEXT in their name or address\n"
	  "  petfood user disable ann     ends every session; tokens stop working within seconds\n"
	  "  petfood user enable ann@example.com\n"
	  "  petfood user promote ann     makes ann a superuser; demote takes it back\n"
	  "NAME is a user name, an address or an id. Works on the database of the data directory, also while the daemon runs.\n",
	  1, 2, command_user },
	{ "plan", "PET.json", "make a plan for a pet and watch it being made",
	  "  echo '{\"pet_type\": \"dog\", \"pet_weight\": 12.5, \"pet_age\": 48}' | petfood plan -\n"
	  "Fields: petfood describe CreatePlan. The plan is kept (confirmed), printed as tables and checked; --json prints it as JSON.\n",
	  1, 1, command_plan },
	{ "watch", "TASK", "watch a task; goes on by itself when the line or the daemon is lost",
	  "  petfood watch 7b0f…\nOn a terminal a bar, in a pipe plain lines, with --json the events' JSON.\n", 1, 1, command_watch },
	{ "tasks", "", "list your newest tasks", "  petfood tasks --user ann\n", 0, 0, command_tasks },
	{ "cancel", "TASK", "end a task for good", "  petfood cancel 7b0f…\n", 1, 1, command_cancel },
	{ "verify", "PLAN.json", "check a plan document, without any service",
	  "  petfood verify plan.json\n"
	  "Recomputes every nutrient from the printed grams and says what is wrong. Exit code 4 if anything is.\n", 1, 1, command_verify },
	{ "demo", "", "start a daemon on throw-away data and make a plan over HTTP",
	  "  petfood demo --chaos\nUsed by tools/run --demo. --chaos kills the daemon and cuts the line meanwhile.\n", 0, 0, command_demo },
	{ "completion", "", "print bash completion", "  source <(petfood completion)\n", 0, 0, command_completion },
};
const size_t command_count = COUNT(commands);

static const char options_text[] =
	"Options (anywhere):\n"
	"  --json             machine output\n"
	"  --lang zh|en       language of answers (default en)\n"
	"  --user NAME        act as this user (default local)\n"
	"  --token JWT        act with this token; also PETFOOD_TOKEN\n"
	"  --data-dir DIR     the daemon's data directory; as PETFOOD_DATA_DIR\n"
	"  --env-file FILE    settings file (default ./.env if there is one)\n"
	"  --idempotency-key KEY   call, plan: repeating the same call with it changes nothing\n"
	"  --version          print the version\n"
	"  --NAME=VALUE       any setting of petfoodd --help: --rpc-endpoints=tcp://127.0.0.1:7000\n"
	"\n"
	"Exit codes: 0 fine; 1 refused by the service, or the task failed; 2 wrong usage; 3 no daemon to be reached;\n"
	"4 a plan did not pass the check; 5 a file or program on this side failed.\n";

static void print_help(void)
{
	(void)printf("petfood: talk to the petfood daemon of this machine.\n\nCommands (petfood COMMAND --help tells more):\n");
	for (size_t i = 0; i < command_count; i++)
		(void)printf("  %-10s %-14s %s\n", commands[i].name, commands[i].arguments, commands[i].brief);
	(void)printf("\n%s", options_text);
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0) return &commands[i];
	return NULL;
}

/* The value of "--name=v" or of "--name v"; NULL if argv[*i] is another option. */
static const char *option_value(int argc, char **argv, int *i, const char *name)
{
	size_t len = strlen(name);
	if (strncmp(argv[*i], name, len) != 0) return NULL;
	if (argv[*i][len] == '=') return argv[*i] + len + 1;
	if (argv[*i][len] == '\0' && *i + 1 < argc) return argv[++*i];
	return NULL;
}

static bool add_flag(struct cli *cli, const char *name, const char *value)
{
	if ((size_t)cli->flag_count == COUNT(cli->flags)) return false;
	char *flag = (char *)str_printf(cli->arena, "%s=%s", name, value).ptr;
	for (char *p = flag; *p && *p != '='; p++)
		if (*p == '-') *p = '_';
	cli->flags[cli->flag_count++] = flag;
	return true;
}

static bool parse(struct cli *cli, int argc, char **argv, bool *help)
{
	const char *value;
	int64_t number;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		bool ok = true;
		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) *help = true;
		else if (strcmp(arg, "--version") == 0) cli->version = true;
		else if (strcmp(arg, "--json") == 0) cli->json = true;
		else if (strcmp(arg, "--chaos") == 0) cli->chaos = true;
		else if (strcmp(arg, "--service") == 0) cli->as_service = true;
		else if (strcmp(arg, "--keep-unknown") == 0) cli->keep_unknown = true;
		else if ((value = option_value(argc, argv, &i, "--lang"))) {
			ok = strcmp(value, "zh") == 0 || strcmp(value, "en") == 0;
			cli->lang = strcmp(value, "zh") == 0 ? LANG_ZH : LANG_EN;
		} else if ((value = option_value(argc, argv, &i, "--user"))) cli->user = value;
		else if ((value = option_value(argc, argv, &i, "--token"))) cli->token = value;
		else if ((value = option_value(argc, argv, &i, "--env-file"))) cli->env_file = value;
		else if ((value = option_value(argc, argv, &i, "--daemon"))) cli->daemon_path = value;
		else if ((value = option_value(argc, argv, &i, "--idempotency-key"))) cli->idempotency_key = value;
		else if ((value = option_value(argc, argv, &i, "--data-dir"))) ok = add_flag(cli, "PETFOOD_DATA_DIR", value);
		else if ((value = option_value(argc, argv, &i, "--days"))) {
			ok = str_to_int64(str_from(value), &number) && number >= 1 && number <= 3650;
			cli->days = ok ? number : 0;
		} else if (strncmp(arg, "--", 2) == 0 && strchr(arg, '=')) {
			const char *equals = strchr(arg, '=');
			ok = add_flag(cli, str_dup_c(cli->arena, (struct str){ arg + 2, (size_t)(equals - arg - 2) }), equals + 1);
		} else if (strncmp(arg, "-", 1) == 0 && arg[1]) {
			ok = false;
		} else if ((size_t)cli->argc < COUNT(cli->argv)) {
			cli->argv[cli->argc++] = arg;
		}
		if (!ok) {
			(void)fprintf(stderr, "petfood: what is %s? See petfood --help\n", arg);
			return false;
		}
	}
	return true;
}

static void print_command_help(const struct command *command)
{
	(void)printf("petfood %s %s: %s\n\n%s\n%s", command->name, command->arguments, command->brief, command->help, options_text);
}

int main(int argc, char **argv)
{
	struct cli cli = { .arena = arena_create(0), .lang = LANG_EN, .env_file = "", .token = getenv("PETFOOD_TOKEN") };
	struct error err;
	enum cli_exit code = CLI_USAGE;
	bool help = false;
	error_clear(&err);
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* widths of Chinese text, whatever the user's locale */
	(void)signal(SIGPIPE, SIG_DFL);       /* petfood list | head ends quietly */
	log_setup(LOG_ERROR, false);
	if (!parse(&cli, argc, argv, &help)) goto out;
	if (cli.version) {
		(void)printf("petfood " PETFOOD_VERSION "\n");
		code = CLI_OK;
		goto out;
	}
	const struct command *command = cli.argc ? command_find(cli.argv[0]) : NULL;
	if (help || cli.argc == 0) {
		if (command) print_command_help(command);
		else print_help();
		code = help ? CLI_OK : CLI_USAGE;
		goto out;
	}
	if (!command) {
		(void)fprintf(stderr, "petfood: there is no command %s. See petfood --help\n", cli.argv[0]);
		goto out;
	}
	cli.argc--;
	memmove(cli.argv, cli.argv + 1, sizeof cli.argv[0] * (size_t)cli.argc);
	if (cli.argc < command->min_arguments || cli.argc > command->max_arguments) {
		(void)fprintf(stderr, "usage: petfood %s %s\n", command->name, command->arguments);
		goto out;
	}
	code = setup_load(cli.arena, cli.env_file, cli.flag_count, cli.flags, &cli.setup, &err) ? command->run(&cli) : cli_fail(&cli, &err);
out:
	rpc_client_destroy(&cli.client);
	arena_destroy(&cli.arena);
	return (int)code;
}
