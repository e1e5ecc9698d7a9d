/* tools/petfoodd/config_table.h: every setting, one row each. Parser, range check, --help, .env.example, the README's table and
 * the redacted dump are made from these rows. Every row has an effect; what is not listed is not read. */
#ifndef PETFOOD_TOOLS_PETFOODD_CONFIG_TABLE_H
#define PETFOOD_TOOLS_PETFOODD_CONFIG_TABLE_H

#include "store/base/config.h"

#define PETFOOD_CONFIG(X) \
	/* field                 NAME                       type          default min  max          secret doc */ \
	X(data_dir,              PETFOOD_DATA_DIR,          text,         "",     "",  "",          false, \
	  "Where everything is kept: database, keys, sockets. Empty means $XDG_DATA_HOME/petfood, else ~/.local/share/petfood.") \
	X(role,                  PETFOOD_ROLE,              text,         "all",  "",  "",          false, \
	  "Parts that run in this process: all, or some of rpc, worker, bridge with commas.") \
	X(log_level,             LOG_LEVEL,                 text,         "info", "debug|info|warning|warn|error|critical", "", false, \
	  "Least level that is logged.") \
	X(log_format,            LOG_FORMAT,                text,         "text", "text|json", "",  false, \
	  "Log lines as key=value or as JSON.") \
	X(api_host,              API_HOST,                  text,         "127.0.0.1", "", "",      false, \
	  "Address that the HTTP bridge listens on.") \
	X(api_port,              API_PORT,                  count,        "8000", "0", "65535",     false, \
	  "Port of the HTTP bridge; 0 takes a free one.") \
	X(api_workers,           API_WORKERS,               count,        "1",    "1", "64",        false, \
	  "Threads of the HTTP bridge, each with its own event loop.") \
	X(api_max_connections,   API_MAX_CONNECTIONS,       count,        "10000", "1", "1000000",  false, \
	  "Connections that the bridge keeps at once; beyond it the one that has asked nothing for longest is closed.") \
	X(api_max_in_flight,     API_MAX_IN_FLIGHT,         count,        "256",  "1", "65536",     false, \
	  "Calls under way per bridge thread; further requests get 503 with Retry-After.") \
	X(api_read_timeout,      API_READ_TIMEOUT_SECONDS,  seconds,      "15",   "1", "600",       false, \
	  "Time for a request to arrive whole, and for an idle connection to send its next one.") \
	X(api_write_timeout,     API_WRITE_TIMEOUT_SECONDS, seconds,      "30",   "1", "600",       false, \
	  "A reader that takes nothing for so long is closed; it can resume its stream.") \
	X(sse_heartbeat,         SSE_HEARTBEAT_SECONDS,     seconds,      "15",   "1", "60",        false, \
	  "A comment line after so long without an event keeps proxies from closing a stream.") \
	X(trusted_proxies,       TRUSTED_PROXIES,           list,         "[]",   "",  "",          false, \
	  "Addresses or CIDR ranges whose X-Forwarded-For is believed.") \
	X(tls_cert_file,         TLS_CERT_FILE,             text,         "",     "",  "",          false, \
	  "PEM certificate chain; with it the bridge speaks TLS and HTTP/2.") \
	X(tls_key_file,          TLS_KEY_FILE,              text,         "",     "",  "",          false, \
	  "PEM private key of TLS_CERT_FILE.") \
	X(cors_origins,          CORS_ORIGINS,              list, \
	  "[\"http://localhost:3000\",\"http://localhost:8080\",\"capacitor://localhost\",\"https://localhost\",\"http://localhost\"]", \
	  "", "", false, "Origins that browsers may call from; \"*\" allows any.") \
	X(cors_allow_credentials, CORS_ALLOW_CREDENTIALS,   flag,         "true", "",  "",          false, \
	  "Whether browsers may send credentials from those origins.") \
	X(cors_allow_methods,    CORS_ALLOW_METHODS,        list,         "[\"*\"]", "", "",        false, \
	  "Methods named in preflight answers; \"*\" means all that are served.") \
	X(cors_allow_headers,    CORS_ALLOW_HEADERS,        list,         "[\"*\"]", "", "",        false, \
	  "Request headers named in preflight answers; \"*\" echoes what was asked for.") \
	X(allowed_hosts,         ALLOWED_HOSTS,             list,         "[\"*\"]", "", "",        false, \
	  "Host headers that are served; others get 400.") \
	X(max_request_size,      MAX_REQUEST_SIZE,          bytes,        "10485760", "1024", "1073741824", false, \
	  "Largest body of any request; JSON bodies are limited to 1 MiB besides.") \
	X(rate_limit_enabled,    RATE_LIMIT_ENABLED,        flag,         "true", "",  "",          false, \
	  "Whether requests are limited per client address and per user.") \
	X(rate_limit_times,      RATE_LIMIT_TIMES,          count,        "100",  "1", "10000",     false, \
	  "Requests of one client address or user within RATE_LIMIT_SECONDS.") \
	X(rate_limit_seconds,    RATE_LIMIT_SECONDS,        seconds,      "60",   "1", "86400",     false, \
	  "Length of the sliding window of RATE_LIMIT_TIMES.") \
	X(rate_limit_login_times, RATE_LIMIT_LOGIN_TIMES,   count,        "10",   "1", "10000",     false, \
	  "Calls that check a password, of one client address or user, within RATE_LIMIT_LOGIN_SECONDS.") \
	X(rate_limit_login_seconds, RATE_LIMIT_LOGIN_SECONDS, seconds,    "60",   "1", "86400",     false, \
	  "Length of that window.") \
	X(rate_limit_code_times, RATE_LIMIT_CODE_TIMES,     count,        "20",   "1", "10000",     false, \
	  "Calls that send or take a one-time code or make an account, of one client address or user, within RATE_LIMIT_CODE_SECONDS.") \
	X(rate_limit_code_seconds, RATE_LIMIT_CODE_SECONDS, seconds,      "600",  "1", "86400",     false, \
	  "Length of that window.") \
	X(rate_limit_plan_times, RATE_LIMIT_PLAN_TIMES,     count,        "20",   "1", "10000",     false, \
	  "Calls that start a plan, of one client address or user, within RATE_LIMIT_PLAN_SECONDS.") \
	X(rate_limit_plan_seconds, RATE_LIMIT_PLAN_SECONDS, seconds,      "60",   "1", "86400",     false, \
	  "Length of that window.") \
	X(jwt_secret_key,        JWT_SECRET_KEY,            text,         "",     "",  "",          true, \
	  "Key that signs tokens, at least 32 bytes. Empty: made on first start and kept in the data directory.") \
	X(jwt_key_id,            JWT_KEY_ID,                text,         "",     "",  "",          false, \
	  "Name of JWT_SECRET_KEY in tokens (kid); change it together with the key.") \
	X(jwt_old_keys,          JWT_OLD_KEYS,              list,         "[]",   "",  "",          true, \
	  "Up to three keys that no longer sign but still verify, each as id=secret; take one out to retire it.") \
	X(jwt_algorithm,         JWT_ALGORITHM,             text,         "HS256", "HS256", "",     false, \
	  "Algorithm of tokens; others are refused.") \
	X(jwt_access_minutes,    JWT_ACCESS_TOKEN_EXPIRE_MINUTES, minutes, "30",  "1", "525600",    false, \
	  "Life of an access token.") \
	X(jwt_refresh_days,      JWT_REFRESH_TOKEN_EXPIRE_DAYS, count,    "7",    "1", "365",       false, \
	  "Days that a session lives after its last refresh.") \
	X(password_memory_kib,   PASSWORD_MEMORY_KIB,       count,        "19456", "19456", "1048576", false, \
	  "Memory that hashing one password takes, in KiB (argon2id). Raised, passwords are hashed anew as their owners sign in.") \
	X(password_passes,       PASSWORD_PASSES,           count,        "2",    "1", "20",        false, \
	  "Passes over that memory. Raised, as above.") \
	X(login_free_failures,   LOGIN_FREE_FAILURES,       count,        "5",    "1", "1000",      false, \
	  "Wrong passwords for one account before each further one doubles the wait, from a second to 15 minutes; devices that the owner has signed in from count apart. Without RATE_LIMIT_ENABLED nothing is counted.") \
	X(login_failures_per_minute, LOGIN_FAILURES_PER_MINUTE, count,    "300",  "10", "100000",   false, \
	  "Wrong passwords of all accounts within a minute; beyond it only devices that the owner has signed in from are let try.") \
	X(registration_requires_code, REGISTRATION_REQUIRES_CODE, flag,   "false", "", "",          false, \
	  "Closes the registration that needs no mailed code.") \
	X(code_length,           VERIFICATION_CODE_LENGTH,  count,        "6",    "4", "8",         false, \
	  "Digits of a mailed code.") \
	X(code_expire,           VERIFICATION_CODE_EXPIRE_MINUTES, minutes, "10", "1", "60",        false, \
	  "How long a mailed code stays valid.") \
	X(code_max_attempts,     VERIFICATION_CODE_MAX_ATTEMPTS, count,   "3",    "1", "10",        false, \
	  "Wrong tries that end a code.") \
	X(code_cooldown,         VERIFICATION_CODE_COOLDOWN_SECONDS, seconds, "60", "30", "300",    false, \
	  "Time between two codes to one address.") \
	X(code_max_daily_sends,  VERIFICATION_CODE_MAX_DAILY_SENDS, count, "10",  "5", "50",        false, \
	  "Codes to one address within any 24 hours.") \
	X(code_max_hourly_failures, VERIFICATION_CODE_MAX_HOURLY_FAILURES, count, "60", "10", "100000", false, \
	  "Wrong codes of all callers within any hour, for each purpose; beyond it no code is accepted. 60 lets a guesser who uses up every hour into one account in two years, with six digits.") \
	X(mail_driver,           MAIL_DRIVER,               text,         "auto", "auto|smtp|outbox", "", false, \
	  "How mail leaves: to an SMTP server, or as files in MAIL_OUTBOX_DIR; auto takes SMTP once SMTP_USERNAME is set.") \
	X(mail_outbox_dir,       MAIL_OUTBOX_DIR,           text,         "",     "",  "",          false, \
	  "Where the outbox puts one .eml file per mail. Empty means outbox in the data directory.") \
	X(smtp_host,             SMTP_HOST,                 text,         "smtp.qq.com", "", "",    false, \
	  "Mail server that mail is handed to.") \
	X(smtp_port,             SMTP_PORT,                 count,        "587",  "1", "65535",     false, \
	  "Its port; 465 means TLS from the first byte.") \
	X(smtp_username,         SMTP_USERNAME,             text,         "",     "",  "",          false, \
	  "Name to log in with; empty: no login.") \
	X(smtp_password,         SMTP_PASSWORD,             text,         "",     "",  "",          true, \
	  "Password of SMTP_USERNAME; never printed.") \
	X(smtp_from_email,       SMTP_FROM_EMAIL,           text,         "",     "",  "",          false, \
	  "Sender's address; empty: SMTP_USERNAME.") \
	X(smtp_use_tls,          SMTP_USE_TLS,              flag,         "true", "",  "",          false, \
	  "STARTTLS is required before anything else is said; false only for a server on this machine.") \
	X(smtp_ca_file,          SMTP_CA_FILE,              text,         "",     "",  "",          false, \
	  "PEM file of the authorities that may vouch for the mail server; empty: the system's.") \
	X(database_url,          DATABASE_URL,              text,         "",     "",  "",          true, \
	  "sqlite:///path/to/file; empty means SQLite in the data directory.") \
	X(database_echo,         DATABASE_ECHO,             flag,         "false", "", "",          false, \
	  "Logs every SQL statement, without values.") \
	X(redis_url,             REDIS_URL,                 text,         "memory:", "", "",        true, \
	  "Where short-lived counters are kept; this version knows memory: only.") \
	X(task_timeout,          TASK_TIMEOUT_SECONDS,      seconds,      "3600", "1", "86400",     false, \
	  "Longest run of one task.") \
	X(task_max_concurrent,   TASK_MAX_CONCURRENT,       count,        "5",    "1", "100000",    false, \
	  "Tasks that one process runs at once.") \
	X(task_max_per_user,     TASK_MAX_PER_USER,         count,        "10",   "0", "100000",    false, \
	  "Running and pending tasks of one user; 0 = no limit.") \
	X(task_lease_ms,         TASK_LEASE_MS,             milliseconds, "6000", "200", "600000",  false, \
	  "A task whose worker was silent for so long is taken over.") \
	X(task_heartbeat_ms,     TASK_HEARTBEAT_MS,         milliseconds, "2000", "50", "60000",    false, \
	  "How often a worker renews its leases.") \
	X(task_poll_ms,          TASK_POLL_MS,              milliseconds, "1000", "10", "60000",    false, \
	  "How often a worker looks for tasks that nobody told it of.") \
	X(planner_pace_ms,       PLANNER_PACE_MS,           milliseconds, "0",    "0", "60000",     false, \
	  "Spaces the builtin planner's steps, for demonstrations and tests.") \
	X(rpc_listen,            RPC_LISTEN,                list,         "[]",   "",  "",          false, \
	  "Addresses of the RPC services: ipc:///path or tcp://127.0.0.1:port. Empty means ipc in the data directory.") \
	X(rpc_endpoints,         RPC_ENDPOINTS,             list,         "[]",   "",  "",          false, \
	  "RPC services that a bridge or the command line calls. Empty means this process, else ipc in the data directory.") \
	X(events_listen,         EVENTS_LISTEN,             list,         "[]",   "",  "",          false, \
	  "Addresses where progress events are published. Empty means ipc in the data directory.") \
	X(events_endpoints,      EVENTS_ENDPOINTS,          list,         "[]",   "",  "",          false, \
	  "Publishers that a bridge or the command line subscribes to. Empty means this process, else ipc in the data directory.") \
	X(events_pub_payload,    EVENTS_PUB_PAYLOAD,        flag,         "true", "",  "",          false, \
	  "false publishes only task id and number, for subscribers that may not see plans.") \
	X(rpc_allow_insecure_tcp, RPC_ALLOW_INSECURE_TCP,   flag,         "false", "", "",          false, \
	  "Allows plain tcp:// addresses beyond loopback; whoever reaches them can stop the listener and read events.") \
	X(rpc_workers,           RPC_WORKERS,               count,        "8",    "1", "256",       false, \
	  "Threads that run RPC handlers.") \
	X(rpc_queue,             RPC_QUEUE,                 count,        "256",  "1", "65536",     false, \
	  "Calls that may wait for a thread; further ones are refused at once.") \
	X(bench,                 PETFOOD_BENCH,             flag,         "false", "", "",          false, \
	  "Accepts tasks of type bench, which emit numbered events; for measurements.") \
	X(pause_at,              PETFOOD_PAUSE_AT,          text,         "",     "",  "",          false, \
	  "Tests only: the worker stops for good at this named point.")

struct config {
#define CONFIG_FIELD(field, NAME, type, ...) config_##type field;
	PETFOOD_CONFIG(CONFIG_FIELD)
#undef CONFIG_FIELD
};
extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
