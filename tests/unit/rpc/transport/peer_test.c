/* Peers that misbehave while they are answered: gone in the middle of a reply (R09), or reading none (R11). The others must not
 * notice, and the server keeps nothing for them. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rpc/transport/server_impl.h"
#include "store/base/log.h"
#include "store/base/time.h"
#include "tests/unit/rpc/transport/fixture.h"
#include "tests/unit/rpc/transport/sp_line.h"

static bool nothing_in_flight(void *self)
{
	(void)self;
	return rpc_server_in_flight(fx.server) == 0;
}

static bool is_idle(void)
{
	struct rpc_server *server = fx.server;
	pthread_mutex_lock(&server->lock);
	bool idle = server->in_flight == 0 && server->receiving == server->slot_count && !server->registry;
	pthread_mutex_unlock(&server->lock);
	return idle;
}

static bool ask_for(int fd, uint32_t id, const char *reply_bytes)
{
	uint8_t bytes[512];
	return sp_send(fd, id, bytes, request_bytes(M_LARGE, reply_bytes, NULL, 0, bytes, sizeof bytes));
}

/* R09, the server's side: it writes a reply of a megabyte, and the peer leaves after some bytes of it, or before the first. */
static void r09_the_peer_leaves_mid_reply(void)
{
	static const size_t taken[] = { 0, 1, 8, 9, 12, 13, 4096, 100000, 900000 };
	static uint8_t part[900000];
	const char *url = fixture_ipc("leaves");
	fixture_start(url);
	for (size_t i = 0; i < COUNT(taken); i++) {
		int fd = sp_dial(url, SP_REQ);
		for (uint32_t id = 0; id < 5; id++)
			CHECK(ask_for(fd, id, "1000000")); /* the others wait behind the first */
		if (taken[i] == 0) CHECK(recv(fd, part, 1, MSG_PEEK) == 1);
		CHECK(sp_read(fd, part, taken[i]));
		(void)close(fd);
		CHECK_ROW("R09 the others are served", call(M_ECHO, "x", NULL, 0).code == RPC_OK);
		CHECK_ROW("R09 nothing is kept for who left", wait_until(nothing_in_flight, NULL) && is_idle());
	}
	fixture_stop();
}

/* R11: a peer asks and asks and reads no answer, until its answers could take every context of the server, or all the memory that
 * answers may have. Such a peer is dropped; the others do not even wait for their own deadline. */
static const struct {
	const char *label;
	size_t waiting_max, unsent_bytes_max;
	const char *reply_bytes;
	int asked;
} greedy_rows[] = {
	{ "R11 it would take all contexts", 8, 0, "65536", 400 },
	{ "R11 it would take all memory", 0, 8 << 20, "1000000", 40 },
};

static struct metric *peers_dropped(void) { return metric_counter("rpc_peers_dropped_total", NULL, ""); }
static bool was_dropped(void *before) { return metric_value(peers_dropped()) > *(int64_t *)before; }

static void r11_a_peer_that_reads_nothing(void)
{
	enum { OTHERS = 200, OTHERS_DEADLINE_MS = 5000 }; /* nng would give an answer up after SEND_TIMEOUT_MS, 10 s */
	static uint8_t rest[65536];
	for (size_t row = 0; row < COUNT(greedy_rows); row++) {
		const char *label = greedy_rows[row].label, *url = fixture_ipc("greedy");
		int64_t before = metric_value(peers_dropped());
		fx.options.parked_max = fx.options.queue_length = fx.options.hash_queue_length =
		    greedy_rows[row].waiting_max;
		fx.options.unsent_bytes_max = greedy_rows[row].unsent_bytes_max;
		fixture_start(url);
		CHECK_ROW(label, call(M_ECHO, "before", NULL, 0).code == RPC_OK);
		int fd = sp_dial(url, SP_REQ), asked = 0;
		/* Until the line is full, too: the server may have stopped listening to it. */
		const struct timeval soon = { .tv_usec = 100000 };
		CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon) == 0);
		while (asked < greedy_rows[row].asked && ask_for(fd, (uint32_t)asked, greedy_rows[row].reply_bytes))
			asked++;
		for (int i = 0; i < OTHERS; i++)
			CHECK_ROW(label, call(M_ECHO, "x", NULL, OTHERS_DEADLINE_MS).code == RPC_OK);
		CHECK_ROW(label, wait_until(was_dropped, &before) && metric_value(peers_dropped()) == before + 1);
		while (recv(fd, rest, sizeof rest, 0) > 0) continue; /* ends because the server hung up */
		(void)close(fd);
		CHECK_ROW(label, call(M_ECHO, "after", NULL, 0).code == RPC_OK);
		CHECK_ROW("R11 nothing is kept", wait_until(nothing_in_flight, NULL) && is_idle());
		fixture_stop();
	}
	fx.options.parked_max = fx.options.queue_length = fx.options.hash_queue_length = fx.options.unsent_bytes_max =
	    0;
}

/* R11: one that is merely slow holds nobody up, and gets all it asked for in the end. */
static void r11_a_slow_peer_catches_up(void)
{
	enum { ASKED = 8, REPLY = 1000000 };
	static uint8_t reply[REPLY + 1024];
	const char *url = fixture_ipc("slow");
	bool got[ASKED] = { false };
	fixture_start(url);
	int fd = sp_dial(url, SP_REQ);
	for (uint32_t id = 0; id < ASKED; id++) CHECK(ask_for(fd, id, "1000000"));
	for (int i = 0; i < 200; i++) CHECK_ROW("R11 the others are served", call(M_ECHO, "x", NULL, 0).code == RPC_OK);
	CHECK_ROW("R11 while it has taken nothing", rpc_server_in_flight(fx.server) > 0);
	for (int i = 0; i < ASKED; i++) {
		uint32_t id = ASKED;
		size_t len = 0;
		CHECK_ROW("R11 it catches up",
		          sp_receive(fd, &id, reply, sizeof reply, &len) && len > REPLY && id < ASKED && !got[id]);
		if (id < ASKED) got[id] = true;
	}
	(void)close(fd);
	CHECK_ROW("R11 nothing is kept", wait_until(nothing_in_flight, NULL) && is_idle());
	fixture_stop();
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	r11_a_peer_that_reads_nothing();
	r11_a_slow_peer_catches_up();
	r09_the_peer_leaves_mid_reply(); /* last: nng 1.5 may clear no connection away after it (sock_close.h) */
	fixture_fini();
	return check_done("peer_test");
}
