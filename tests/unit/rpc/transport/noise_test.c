/* R15: a peer that sends a hundred thousand mangled frames to a live server over a unix socket, while another client is served all the
 * time. Every frame that is one is answered with a status that is one; whatever is none costs the peer its connection and nothing
 * else. Run under the address sanitizer by tools/test. The bytes are the same each time. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/wire/envelope.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"
#include "tests/unit/rpc/transport/fixture.h"
#include "tests/unit/rpc/transport/sp_line.h"

enum { FRAMES = 100000, WINDOW = 64, FRAME_MAX = 4096, LINES = 400, SEEDS = 12, CALL_ID_AT = 2 };

static uint64_t state = 0x9e3779b97f4a7c15u;
static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1du;
}
static size_t below(size_t bound) { return (size_t)((next_random() >> 16) % bound); }

/* ---- what is mangled: honest calls, one of each shape ---- */

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};
static struct frame seeds[SEEDS];

static void add_seed(size_t i, enum test_method method, const ProtobufCMessage *message,
                     const struct rpc_metadata *metadata)
{
	struct error err;
	struct envelope envelope = { .method = fx.methods[method].name, .timeout_ms = 5000 };
	if (metadata) envelope.metadata = *metadata;
	CHECK_OK(message_pack(fx.arena, message, &envelope.payload, &err), &err);
	seeds[i].len = envelope_packed_size(&envelope);
	if (seeds[i].len > FRAME_MAX / 2) abort();
	envelope_pack(&envelope, seeds[i].bytes);
}

static void make_seeds(void)
{
	Petfood__V1__GetTaskRequest id = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	Petfood__Rpc__V1__PingRequest ping = PETFOOD__RPC__V1__PING_REQUEST__INIT;
	Petfood__Rpc__V1__CancelRequest cancel = PETFOOD__RPC__V1__CANCEL_REQUEST__INIT;
	Petfood__V1__CreatePlanRequest plan = PETFOOD__V1__CREATE_PLAN_REQUEST__INIT;
	struct str user = make_token(TOKEN_ACCESS, "u1", 1000), service = make_token(TOKEN_SERVICE, "bridge", 1000);
	struct rpc_metadata all = { .authorization = user,
		                    .service_authorization = service,
		                    .on_behalf_of = STR("u9"),
		                    .accept_language = STR("en-GB,en;q=0.9,*;q=0.1"),
		                    .idempotency_key = STR("key-1"),
		                    .traceparent = STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
		                    .request_id = STR("018f2c1e"),
		                    .client_address = STR("2001:db8::1") };
	struct rpc_metadata some = { .authorization = user, .accept_language = STR("zh") },
	                    behalf = { .service_authorization = service, .on_behalf_of = STR("u9") };
	char *foods[] = { (char *)(uintptr_t) "chicken", (char *)(uintptr_t) "牛肉", (char *)(uintptr_t) "" };
	id.id = (char *)(uintptr_t) "018f2c1e-9a6b-4c8d-8e2f-0123456789ab";
	cancel.call_id.data = seeds[0].bytes;
	cancel.call_id.len = CALL_ID_BYTES;
	plan.allergens = plan.dislikes = foods;
	plan.n_allergens = plan.n_dislikes = COUNT(foods);
	plan.pet_weight = 4.5;
	plan._pet_weight_case = PETFOOD__V1__CREATE_PLAN_REQUEST___PET_WEIGHT_PET_WEIGHT;
	plan.pet_breed = (char *)(uintptr_t) "拉布拉多";
	plan._pet_breed_case = PETFOOD__V1__CREATE_PLAN_REQUEST___PET_BREED_PET_BREED;
	add_seed(0, M_ECHO, &id.base, NULL);
	add_seed(1, M_ECHO, &id.base, &all);
	add_seed(2, M_WHO, &id.base, &some);
	add_seed(3, M_WHO, &id.base, &all);
	add_seed(4, M_WHO, &id.base, &behalf);
	add_seed(5, M_KEYED, &id.base, &all);
	add_seed(6, M_PLAN, &plan.base, NULL);
	add_seed(7, M_PLAN, &plan.base, &some);
	add_seed(8, M_PING, &ping.base, NULL);
	add_seed(9, M_CANCEL, &cancel.base, &some);
	add_seed(10, M_SERVICE, &id.base, &behalf);
	add_seed(11, M_FLAKY, &id.base, NULL);
}

/* ---- mangling ---- */

static void put_run(struct frame *f)
{
	static const uint8_t fills[] = { 0x00, 0xff, 0x7f, 0x80 };
	size_t at = below(f->len), len = 1 + below(12);
	memset(f->bytes + at, fills[below(COUNT(fills))], len < f->len - at ? len : f->len - at);
}

static void insert(struct frame *f)
{
	size_t at = below(f->len + 1), len = 1 + below(16);
	memmove(f->bytes + at + len, f->bytes + at, f->len - at);
	for (size_t i = 0; i < len; i++) f->bytes[at + i] = (uint8_t)next_random();
	f->len += len;
}

static void repeat_piece(struct frame *f)
{
	size_t at = below(f->len), len = 1 + below(f->len - at), times = 1 + below(4);
	for (size_t i = 0; i < times && f->len + len <= FRAME_MAX - 64; i++) {
		memmove(f->bytes + at + len, f->bytes + at, f->len - at);
		f->len += len;
	}
}

static void cut_piece(struct frame *f)
{
	size_t at = below(f->len), len = 1 + below(f->len - at);
	memmove(f->bytes + at, f->bytes + at + len, f->len - at - len);
	f->len -= len;
}

static void splice(struct frame *f)
{
	const struct frame *other = &seeds[below(SEEDS)];
	size_t from = below(other->len), at = below(f->len);
	memcpy(f->bytes + at, other->bytes + from, other->len - from);
	f->len = at + other->len - from;
}

static void mangle(struct frame *f)
{
	*f = seeds[below(SEEDS)];
	for (size_t i = 0; i < CALL_ID_BYTES; i++) f->bytes[CALL_ID_AT + i] = (uint8_t)next_random();
	for (size_t times = below(3) ? 1 : 1 + below(4); times; times--) {
		if (f->len == 0) return;
		switch (below(8)) {
		case 0:
		case 1:
			for (size_t k = 1 + below(4); k; k--) f->bytes[below(f->len)] ^= (uint8_t)(1u << below(8));
			break;
		case 2: f->bytes[below(f->len)] = (uint8_t)next_random(); break;
		case 3: put_run(f); break;
		case 4: insert(f); break;
		case 5: repeat_piece(f); break;
		case 6: cut_piece(f); break;
		case 7: splice(f); break;
		}
	}
	if (below(50) == 0) { /* and pure noise */
		f->len = below(200);
		for (size_t i = 0; i < f->len; i++) f->bytes[i] = (uint8_t)next_random();
	}
}

/* ---- the other client ---- */

static atomic_bool over;
static atomic_int served, failed;

static void *other_client(void *self)
{
	(void)self;
	while (!atomic_load(&over)) {
		struct answer a = call(M_ECHO, "unharmed", NULL, 0);
		bool ok = a.code == RPC_OK && strcmp(a.text, "unharmed") == 0;
		atomic_fetch_add(ok ? &served : &failed, 1);
	}
	return NULL;
}

static bool is_served_more(void *than) { return atomic_load(&served) > *(int *)than; }

/* ---- frames ---- */

static size_t by_code[RPC_CODE_COUNT];

static void r15_mangled_calls(const char *url)
{
	static struct frame frames[WINDOW];
	static uint8_t reply[FRAME_MAX * 4];
	int fd = sp_dial(url, SP_REQ);
	for (uint32_t done = 0; done < FRAMES; done += WINDOW) {
		bool answered[WINDOW] = { false };
		for (uint32_t i = 0; i < WINDOW; i++) {
			mangle(&frames[i]);
			if (!CHECK(sp_send(fd, done + i, frames[i].bytes, frames[i].len))) return;
		}
		for (int i = 0; i < WINDOW; i++) {
			uint32_t id = 0;
			size_t len = 0;
			struct error err;
			if (!CHECK_ROW("R15 every frame is answered", sp_receive(fd, &id, reply, sizeof reply, &len)))
				return;
			bool mine = id >= done && id < done + WINDOW && !answered[id - done];
			if (!CHECK_ROW("R15 once", mine)) return;
			answered[id - done] = true;
			struct arena_mark mark = arena_mark(fx.arena);
			Petfood__Rpc__V1__RpcReply *got =
			    envelope_unpack_reply(fx.arena, (struct str){ (char *)reply, len }, &err);
			if (!CHECK_ROW("R15 with a status", got != NULL)) return;
			by_code[got->status->code]++;
			arena_rewind(fx.arena, mark);
		}
	}
	(void)close(fd);
	CHECK_ROW("R15 most are refused", by_code[RPC_INVALID_ARGUMENT] > FRAMES / 4);
	CHECK_ROW("R15 some get through",
	          by_code[RPC_OK] > FRAMES / 100 && by_code[RPC_UNIMPLEMENTED] > 0 && by_code[RPC_UNAUTHENTICATED] > 0);
	CHECK_ROW("R15 none breaks anything",
	          !by_code[RPC_INTERNAL] && !by_code[RPC_UNKNOWN] && !by_code[RPC_DATA_LOSS]);
}

/* ---- below the calls: what is no frame at all ---- */

static const struct {
	const char *label, *bytes;
	size_t len;
} broken_rows[] = {
#define BROKEN(label, bytes) \
	{ \
		label, bytes, sizeof(bytes) - 1 \
	}
	BROKEN("nothing", ""),
	BROKEN("part of a head", "\1\0\0"),
	BROKEN("a head alone", "\1\0\0\0\0\0\0\0\20"),
	BROKEN("part of a body", "\1\0\0\0\0\0\0\0\20\200\0\0\1abc"),
	BROKEN("an empty frame", "\1\0\0\0\0\0\0\0\0"),
	BROKEN("three bytes of an id", "\1\0\0\0\0\0\0\0\3\200\0\0"),
	BROKEN("an id that never ends", "\1\0\0\0\0\0\0\0\14\0\0\0\1\0\0\0\2\0\0\0\3"),
	BROKEN("many hops",
	       "\1\0\0\0\0\0\0\0\104\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
	       "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\200\0\0\1"),
	BROKEN("another type", "\2\0\0\0\0\0\0\0\4\200\0\0\1"),
	BROKEN("2^63 bytes", "\1\200\0\0\0\0\0\0\0\200\0\0\1"),
	BROKEN("2^64-1 bytes", "\1\377\377\377\377\377\377\377\377\200\0\0\1"),
	BROKEN("a gigabyte", "\1\0\0\0\0\100\0\0\0\200\0\0\1"),
};

static void send_broken(const char *url, const char *label, const void *bytes, size_t len)
{
	uint8_t rest[256];
	int fd = sp_dial(url, SP_REQ);
	if (!CHECK_ROW(label, fd >= 0)) return;
	int before = atomic_load(&served);
	(void)sp_write(fd, bytes, len);
	CHECK_ROW(label, wait_until(is_served_more, &before));
	(void)shutdown(fd, SHUT_WR);
	while (recv(fd, rest, sizeof rest, 0) > 0) continue; /* answers, if it was a call after all */
	(void)close(fd);
}

static void r15_broken_lines(const char *url)
{
	for (size_t i = 0; i < COUNT(broken_rows); i++) {
		char label[80];
		(void)snprintf(label, sizeof label, "R15 %s", broken_rows[i].label);
		send_broken(url, label, broken_rows[i].bytes, broken_rows[i].len);
	}
	for (int i = 0; i < LINES; i++) { /* a good frame, some of its head or body changed */
		struct frame f;
		uint8_t line[SP_FRAME_HEAD + SP_ID_BYTES + FRAME_MAX];
		mangle(&f);
		sp_head(line, SP_ID_BYTES + f.len);
		memcpy(line + SP_FRAME_HEAD, "\x80\0\0\1", SP_ID_BYTES);
		memcpy(line + SP_FRAME_HEAD + SP_ID_BYTES, f.bytes, f.len);
		line[below(SP_FRAME_HEAD + SP_ID_BYTES)] = (uint8_t)next_random();
		send_broken(url, "R15 a changed head", line, SP_FRAME_HEAD + SP_ID_BYTES + f.len);
	}
}

static bool nothing_in_flight(void *self)
{
	(void)self;
	return rpc_server_in_flight(fx.server) == 0;
}

/* What nng has not cleared away of the peers that broke off in the middle (sock_close.h). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libnng\n"; }

int main(void)
{
	pthread_t other;
	log_setup(LOG_ERROR, false);
	fixture_init();
	const char *url = fixture_ipc("noise");
	fixture_start(url);
	make_seeds();
	CHECK(pthread_create(&other, NULL, other_client, NULL) == 0);
	r15_mangled_calls(url);
	int before = atomic_load(&served);
	r15_broken_lines(url);
	atomic_store(&over, true);
	CHECK(pthread_join(other, NULL) == 0);
	CHECK_ROW("R15 the other client was served throughout", before > FRAMES / 1000 && atomic_load(&failed) == 0);
	CHECK_ROW("R15 a newcomer is too", call(M_ECHO, "x", NULL, 0).code == RPC_OK);
	CHECK_ROW("R15 nothing is kept", wait_until(nothing_in_flight, NULL));
	for (size_t i = 0; i < RPC_CODE_COUNT; i++)
		if (by_code[i]) (void)printf("%8zu %s\n", by_code[i], rpc_code_name((enum rpc_code)i));
	(void)printf("%8d calls of the other client meanwhile\n", atomic_load(&served));
	fixture_stop();
	fixture_fini();
	return check_done("noise_test");
}
