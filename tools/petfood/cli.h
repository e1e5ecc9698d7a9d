/* tools/petfood/cli.h: what the commands of `petfood` share: options, connection, token, output, exit codes. */
#ifndef PETFOOD_TOOLS_PETFOOD_CLI_H
#define PETFOOD_TOOLS_PETFOOD_CLI_H

#include <stdio.h>

#include "rpc/transport/events.h"
#include "tools/petfoodd/setup.h"

/* Documented in --help and README. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1,     /* the service answered with an error, or a task failed */
	CLI_USAGE = 2,
	CLI_UNREACHABLE = 3, /* no daemon, or its data directory is not ours */
	CLI_UNSAFE = 4,      /* a plan did not pass the check */
	CLI_FAILED = 5,      /* anything else on this side: a file, a program */
};

struct cli {
	struct arena *arena;
	struct setup setup;
	bool json;                 /* machine output: one JSON document or one per line */
	bool keep_unknown;         /* call: do not refuse unknown fields */
	enum lang lang;
	const char *env_file;
	const char *user;          /* --user */
	const char *token;         /* --token or PETFOOD_TOKEN, NULL = mint one with the local key */
	const char *idempotency_key;
	int64_t days;              /* token: life in days, 0 = JWT_ACCESS_TOKEN_EXPIRE_MINUTES */
	bool as_service;           /* call: with a service token */
	bool version;
	bool chaos;                /* demo */
	const char *daemon_path;   /* demo */
	int flag_count;
	const char *flags[64];     /* NAME=value settings */
	int argc;                  /* what is left: the command's own arguments */
	const char *argv[64];
	struct rpc_client *client; /* after cli_connect */
	struct str authorization;  /* after cli_authorize: "Bearer …" */
};

struct command {
	const char *name;
	const char *arguments; /* "METHOD [JSON]" */
	const char *brief;
	const char *help;      /* a few lines with an example */
	int min_arguments, max_arguments;
	enum cli_exit (*run)(struct cli *cli);
};
extern const struct command commands[];
extern const size_t command_count;

/* Prints the error for a person (or as JSON) and gives the exit code that fits it. */
enum cli_exit cli_fail(struct cli *cli, const struct error *err);
/* Makes cli->client for the local daemon's socket, or RPC_ENDPOINTS. */
MUST_CHECK bool cli_connect(struct cli *cli, struct error *err);
/* Makes cli->authorization: --token, PETFOOD_TOKEN, or a token for --user (made in the store if absent; default "local"). */
MUST_CHECK bool cli_authorize(struct cli *cli, struct error *err);
/* Signs an access token for a user of the store. */
MUST_CHECK bool cli_token(struct cli *cli, struct str *out_token, struct str *out_user_id, struct error *err);
/* One call; the reply in cli->arena. */
MUST_CHECK bool cli_call(struct cli *cli, const char *method, const ProtobufCMessage *request, ProtobufCMessage **out,
                         struct error *err);
/* A whole file, at most `limit` bytes; "-" is standard input. */
MUST_CHECK bool cli_read_file(struct arena *arena, const char *path, size_t limit, struct str *out, struct error *err);
/* JSON text on stdout: as it is with --json, else indented. */
void cli_print_json(const struct cli *cli, struct str json);
/* Columns that a terminal uses for UTF-8 text. */
int text_columns(struct str text);
/* Text padded with spaces to that many columns, or cut with "…". */
void print_padded(FILE *out, struct str text, int columns);

/* plan_view.c: a PlanData document as tables. False if it cannot be read. */
MUST_CHECK bool plan_view_print(struct arena *arena, struct str plan_json, struct error *err);
/* plan_view.c: whether the independent checker finds nothing; prints nothing. */
bool plan_view_is_safe(struct arena *arena, struct str plan_json);
/* plan_view.c: runs the independent checker and prints what it found. */
enum cli_exit plan_view_check(struct cli *cli, struct str plan_json);

/* progress.c: shows events of a task as they come. */
struct progress_view {
	FILE *out;
	bool terminal;  /* a terminal: a bar; else plain lines */
	bool json;      /* each event's JSON on a line */
	int percent;
	int attempt;    /* highest seen, from 1 */
	bool bar_drawn;
};
void progress_view_init(struct progress_view *view, FILE *out, bool json);
/* Returns the event's type, static or in the arena. */
struct str progress_view_event(struct progress_view *view, struct arena *arena, uint64_t number, struct str data);
void progress_view_end(struct progress_view *view);

/* The commands. */
enum cli_exit command_call(struct cli *cli);
enum cli_exit command_list(struct cli *cli);
enum cli_exit command_describe(struct cli *cli);
enum cli_exit command_health(struct cli *cli);
enum cli_exit command_stats(struct cli *cli);
enum cli_exit command_token(struct cli *cli);
enum cli_exit command_user(struct cli *cli);
enum cli_exit command_plan(struct cli *cli);
enum cli_exit command_watch(struct cli *cli);
enum cli_exit command_tasks(struct cli *cli);
enum cli_exit command_cancel(struct cli *cli);
enum cli_exit command_verify(struct cli *cli);
enum cli_exit command_demo(struct cli *cli);
enum cli_exit command_completion(struct cli *cli);

#endif
