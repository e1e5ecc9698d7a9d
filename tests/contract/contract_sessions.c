/* Sessions: sign-in, refresh with one winner (A10 to A13), and every way in which one ends (A14). The token's text does not matter
 * here: a generation's hash is its number, 32 times. */
#include "tests/contract/world.h"

#define SESSIONS(w, fn, ...) (w)->store.sessions.driver->fn((w)->store.sessions.self, __VA_ARGS__)
#define DAY_US (INT64_C(86400) * SECOND_US)
#define LIFE_US (7 * DAY_US)

static void set_hash(unsigned char hash[SESSION_HASH_BYTES], uint32_t generation)
{
	memset(hash, (int)generation, SESSION_HASH_BYTES);
}

static struct session_start start_for(const struct world *w, struct str user_id)
{
	struct session_start start = { .id = new_id(w->arena), .user_id = user_id, .user_agent = STR("curl/8.0"), .client_address = STR("192.0.2.7"),
		                       .now_us = w->now_us, .expires_at_us = w->now_us + LIFE_US };
	set_hash(start.hash, 1);
	return start;
}

static struct str sign_in(struct world *w, struct str user_id)
{
	struct session_start start = start_for(w, user_id);
	CHECK_OK(SESSIONS(w, create, &start, &w->err), &w->err);
	return start.id;
}

static struct session get(struct world *w, struct str id)
{
	struct session session = { 0 };
	CHECK_OK(SESSIONS(w, get, STR_NONE, id, w->arena, &session, &w->err), &w->err);
	return session;
}

static size_t count_alive(struct world *w, struct str user_id)
{
	struct session *sessions;
	size_t count = SIZE_MAX;
	CHECK_OK(SESSIONS(w, list, user_id, false, w->now_us, w->arena, &sessions, &count, &w->err), &w->err);
	return count;
}

/* The token of that generation is presented. *out as the store left it. */
static enum session_outcome present(struct world *w, struct arena *arena, struct str id, uint32_t generation, struct session *out)
{
	enum session_outcome outcome = (enum session_outcome)-1;
	struct error err = { 0 };
	struct session_rotation rotation = { .id = id, .generation = generation, .now_us = w->now_us, .expires_at_us = w->now_us + LIFE_US };
	set_hash(rotation.hash, generation);
	set_hash(rotation.next_hash, generation + 1);
	memset(out, 0xee, sizeof *out);
	CHECK_OK(SESSIONS(w, rotate, &rotation, arena, &outcome, out, &err), &err);
	return outcome;
}

static bool is_of_generation(const struct session *session, uint32_t generation)
{
	unsigned char hash[SESSION_HASH_BYTES];
	set_hash(hash, generation);
	return session->generation == generation && memcmp(session->hash, hash, sizeof hash) == 0;
}

/* ---- sign-in ---- */

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define FIFTY_HAN "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十"

static void comes_back_as_made(struct world *w)
{
	static const struct {
		const char *label;
		struct str agent, address, kept_agent, kept_address;
	} rows[] = {
		{ "plain", STR("Mozilla/5.0 (X11)"), STR("2001:db8::1"), STR("Mozilla/5.0 (X11)"), STR("2001:db8::1") },
		{ "unknown", STR_NONE, STR_NONE, STR_NONE, STR_NONE },
		{ "empty is unknown", STR(""), STR(""), STR_NONE, STR_NONE },
		{ "200 characters", STR(FIFTY FIFTY FIFTY FIFTY), STR("::1"), STR(FIFTY FIFTY FIFTY FIFTY), STR("::1") },
		{ "201 characters", STR(FIFTY FIFTY FIFTY FIFTY "x"), STR("::1"), STR(FIFTY FIFTY FIFTY FIFTY), STR("::1") },
		{ "more characters of more bytes", STR(FIFTY_HAN FIFTY_HAN FIFTY_HAN FIFTY_HAN "甲乙"), STR("::1"),
		  STR(FIFTY_HAN FIFTY_HAN FIFTY_HAN FIFTY_HAN), STR("::1") },
		{ "not UTF-8", STR("a\xff"), STR("1\xff"), STR_NONE, STR_NONE },
		{ "no address is so long", STR("a"), STR(FIFTY TEN "12345"), STR("a"), STR_NONE },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct session_start start = start_for(w, w->alice);
		start.user_agent = rows[i].agent;
		start.client_address = rows[i].address;
		CHECK_OK(SESSIONS(w, create, &start, &w->err), &w->err);
		struct session s = get(w, start.id);
		CHECK_ROW(rows[i].label, str_equal(s.user_agent, rows[i].kept_agent) && !s.user_agent.ptr == !rows[i].kept_agent.ptr);
		CHECK_ROW(rows[i].label, str_equal(s.client_address, rows[i].kept_address) && !s.client_address.ptr == !rows[i].kept_address.ptr);
		CHECK_ROW(rows[i].label, str_equal(s.id, start.id) && str_equal(s.user_id, w->alice) && is_of_generation(&s, 1));
		CHECK_ROW(rows[i].label, s.created_at_us == w->now_us && s.rotated_at_us == w->now_us && s.last_used_at_us == w->now_us);
		CHECK_ROW(rows[i].label, s.expires_at_us == w->now_us + LIFE_US && s.revoked_at_us == 0 && s.end == SESSION_LIVES);
	}
}

static void enters_only_as_they_are(struct world *w)
{
	struct session_start start = start_for(w, STR("none"));
	CHECK_FAILS(w, SESSIONS(w, create, &start, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	struct password_change change = { .user_id = w->alice, .new_hash = STR("hash one"), .now_us = w->now_us };
	CHECK_OK(USERS(w, set_password, &change, &w->err), &w->err);
	start = start_for(w, w->alice);
	start.password_hash = STR("hash two");
	start.new_password_hash = STR("hash three");
	CHECK_FAILS(w, SESSIONS(w, create, &start, &w->err), RPC_ABORTED, "PASSWORD_CHANGED");
	struct str hash;
	CHECK_OK(USERS(w, get_password, w->alice, w->arena, &hash, &w->err), &w->err);
	CHECK_STR(hash, "hash one");
	struct user before, after;
	CHECK_OK(USERS(w, get, w->alice, w->arena, &before, &w->err), &w->err);
	start.password_hash = STR("hash one");
	w->now_us += SECOND_US;
	CHECK_OK(SESSIONS(w, create, &start, &w->err), &w->err);
	CHECK_OK(USERS(w, get_password, w->alice, w->arena, &hash, &w->err), &w->err);
	CHECK_STR(hash, "hash three"); /* hashed anew, with the session */
	CHECK_OK(USERS(w, get, w->alice, w->arena, &after, &w->err), &w->err);
	CHECK(after.updated_at_us == before.updated_at_us); /* nothing that the user did */
	start = start_for(w, w->bob); /* has no password */
	start.password_hash = STR("hash one");
	CHECK_FAILS(w, SESSIONS(w, create, &start, &w->err), RPC_ABORTED, "PASSWORD_CHANGED");
	CHECK_OK(USERS(w, set_active, w->alice, false, w->now_us, &w->err), &w->err);
	start = start_for(w, w->alice);
	CHECK_FAILS(w, SESSIONS(w, create, &start, &w->err), RPC_UNAUTHENTICATED, "USER_DISABLED");
	CHECK(count_alive(w, w->alice) == 0 && count_alive(w, w->bob) == 0);
}

static void oldest_gives_way(struct world *w)
{
	struct str ids[SESSIONS_PER_USER_MAX + 2], bobs = sign_in(w, w->bob);
	struct session session;
	for (size_t i = 0; i < SESSIONS_PER_USER_MAX; i++) {
		ids[i] = sign_in(w, w->alice);
		w->now_us += SECOND_US;
	}
	CHECK(present(w, w->arena, ids[0], 1, &session) == SESSION_ROTATED); /* made first, but used last */
	w->now_us += SECOND_US;
	CHECK(count_alive(w, w->alice) == SESSIONS_PER_USER_MAX);
	ids[SESSIONS_PER_USER_MAX] = sign_in(w, w->alice);
	CHECK(count_alive(w, w->alice) == SESSIONS_PER_USER_MAX);
	CHECK(get(w, ids[1]).end == SESSION_CROWDED_OUT && get(w, ids[1]).revoked_at_us == w->now_us);
	CHECK(get(w, ids[0]).end == SESSION_LIVES && get(w, ids[2]).end == SESSION_LIVES);
	CHECK(get(w, ids[SESSIONS_PER_USER_MAX]).end == SESSION_LIVES && get(w, bobs).end == SESSION_LIVES);
}

/* ---- refresh ---- */

static void a10_rotates_and_reuse_ends_it(struct world *w)
{
	struct str id = sign_in(w, w->alice), other = sign_in(w, w->alice);
	struct session s;
	int64_t made_us = w->now_us;
	for (uint32_t generation = 1; generation <= 3; generation++) {
		w->now_us += DAY_US;
		CHECK(present(w, w->arena, id, generation, &s) == SESSION_ROTATED);
		CHECK(is_of_generation(&s, generation + 1) && str_equal(s.user_id, w->alice) && s.expires_at_us == w->now_us + LIFE_US);
		CHECK(s.created_at_us == made_us && s.rotated_at_us == w->now_us && s.last_used_at_us == w->now_us);
		CHECK_STR(s.user_agent, "curl/8.0"); /* left as it was */
	}
	/* Inside the grace of the parent, and still: a grand-parent comes from a copy. */
	CHECK(present(w, w->arena, id, 2, &s) == SESSION_REUSED);
	CHECK(s.end == SESSION_TOKEN_REUSED && s.revoked_at_us == w->now_us && str_equal(s.user_id, w->alice));
	s = get(w, id);
	CHECK(s.end == SESSION_TOKEN_REUSED && s.revoked_at_us == w->now_us);
	for (uint32_t generation = 1; generation <= 5; generation++) /* the newest too */
		CHECK(present(w, w->arena, id, generation, &s) == SESSION_GONE && s.generation == 0 && s.id.len == 0);
	CHECK(present(w, w->arena, other, 1, &s) == SESSION_ROTATED); /* another device of theirs is not touched */
}

static void a11_grace_gives_the_same(struct world *w)
{
	struct str id = sign_in(w, w->alice);
	struct session s;
	w->now_us += DAY_US;
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_ROTATED);
	int64_t rotated_us = w->now_us;
	struct session before = get(w, id);
	const int64_t ages[] = { 0, 1, SECOND_US, SESSION_GRACE_US, -SECOND_US, -SESSION_SKEW_US }; /* the winner's clock may be ahead */
	for (size_t i = 0; i < COUNT(ages); i++) {
		w->now_us = rotated_us + ages[i];
		CHECK(present(w, w->arena, id, 1, &s) == SESSION_GRACE);
		CHECK(is_of_generation(&s, 2) && str_equal(s.user_id, w->alice) && s.rotated_at_us == rotated_us);
	}
	struct session after = get(w, id);
	CHECK(after.generation == before.generation && after.last_used_at_us == before.last_used_at_us && after.end == SESSION_LIVES);
	CHECK(after.expires_at_us == before.expires_at_us);
	w->now_us = rotated_us + SESSION_GRACE_US + 1;
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_REUSED);
	CHECK(present(w, w->arena, id, 2, &s) == SESSION_GONE);
}

/* The successor within the grace goes on being usable, and then the parent is a grand-parent. */
static void a11_grace_is_of_the_last_rotation(struct world *w)
{
	struct str id = sign_in(w, w->alice);
	struct session s;
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_ROTATED);
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_GRACE);
	CHECK(present(w, w->arena, id, 2, &s) == SESSION_ROTATED);
	CHECK(present(w, w->arena, id, 2, &s) == SESSION_GRACE && is_of_generation(&s, 3));
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_REUSED);
	struct str ahead = sign_in(w, w->alice);
	CHECK(present(w, w->arena, ahead, 1, &s) == SESSION_ROTATED);
	w->now_us -= SESSION_SKEW_US + 1; /* set back further than clocks differ: no grace without an end */
	CHECK(present(w, w->arena, ahead, 1, &s) == SESSION_REUSED);
}

enum { THREADS = 50 };
struct refreshes {
	struct str id;
	uint32_t generation;
	enum session_outcome outcome[THREADS];
	unsigned char hash[THREADS][SESSION_HASH_BYTES];
	uint32_t now_at[THREADS];
};

static void refresh_one(struct world *w, void *ctx, size_t index)
{
	struct refreshes *all = ctx;
	struct arena *arena = arena_create(0);
	struct session s;
	all->outcome[index] = present(w, arena, all->id, all->generation, &s);
	all->now_at[index] = s.generation;
	memcpy(all->hash[index], s.hash, SESSION_HASH_BYTES);
	arena_destroy(&arena);
}

static int count_outcomes(const struct refreshes *all, enum session_outcome outcome)
{
	int count = 0;
	for (size_t i = 0; i < THREADS; i++) count += all->outcome[i] == outcome;
	return count;
}

static void a12_fifty_at_once_have_one_winner(struct world *w)
{
	struct refreshes all = { .id = sign_in(w, w->alice) };
	for (all.generation = 1; all.generation <= 4; all.generation++) {
		world_threads(w, THREADS, refresh_one, &all);
		CHECK(count_outcomes(&all, SESSION_ROTATED) == 1 && count_outcomes(&all, SESSION_GRACE) == THREADS - 1);
		for (size_t i = 0; i < THREADS; i++)
			CHECK(all.now_at[i] == all.generation + 1 && memcmp(all.hash[i], all.hash[0], SESSION_HASH_BYTES) == 0);
	}
	all.generation = 1; /* and a copy that is replayed by many is noticed once */
	world_threads(w, THREADS, refresh_one, &all);
	CHECK(count_outcomes(&all, SESSION_REUSED) == 1 && count_outcomes(&all, SESSION_GONE) == THREADS - 1);
}

/* The server dies between the commit and its answer; the client comes again. */
static void a13_lost_answer(struct world *w)
{
	struct str id = sign_in(w, w->alice);
	struct session s;
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_ROTATED);
	w->store.close(w->store.self);
	if (!CHECK(w->contract->reopen(&w->store))) die("%s: cannot reopen", w->contract->driver);
	w->now_us += SESSION_GRACE_US / 2;
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_GRACE && is_of_generation(&s, 2));
	CHECK(present(w, w->arena, id, 2, &s) == SESSION_ROTATED);
}

static void refresh_says_where_from(struct world *w)
{
	struct str id = sign_in(w, w->alice);
	enum session_outcome outcome;
	struct session s;
	struct session_rotation rotation = { .id = id, .generation = 1, .user_agent = STR("other"), .client_address = STR("::2"),
		                             .now_us = w->now_us, .expires_at_us = w->now_us + LIFE_US };
	set_hash(rotation.hash, 1);
	set_hash(rotation.next_hash, 2);
	CHECK_OK(SESSIONS(w, rotate, &rotation, w->arena, &outcome, &s, &w->err), &w->err);
	CHECK(outcome == SESSION_ROTATED);
	s = get(w, id);
	CHECK_STR(s.user_agent, "other");
	CHECK_STR(s.client_address, "::2");
}

/* ---- gone ---- */

static void revoke_it(struct world *w, struct str id)
{
	CHECK_OK(SESSIONS(w, revoke, w->alice, id, SESSION_LOGGED_OUT, w->now_us, &w->err), &w->err);
}
static void let_it_expire(struct world *w, struct str id) { w->now_us = get(w, id).expires_at_us; }
static void disable_user(struct world *w, struct str id)
{
	(void)id;
	CHECK_OK(USERS(w, set_active, w->alice, false, w->now_us, &w->err), &w->err);
}
static void disable_and_enable(struct world *w, struct str id)
{
	disable_user(w, id);
	CHECK_OK(USERS(w, set_active, w->alice, true, w->now_us, &w->err), &w->err);
}
static void delete_user(struct world *w, struct str id)
{
	struct str *tasks;
	size_t count;
	(void)id;
	CHECK_OK(USERS(w, remove, w->alice, w->now_us, w->arena, &tasks, &count, &w->err), &w->err);
}
static void change_password(struct world *w, struct str id)
{
	(void)id;
	struct password_change change = { .user_id = w->alice, .new_hash = STR("h"), .now_us = w->now_us };
	CHECK_OK(USERS(w, set_password, &change, &w->err), &w->err);
}

static void gone_for_good(struct world *w)
{
	static const struct {
		const char *label;
		void (*end)(struct world *w, struct str id);
	} rows[] = {
		{ "logged out", revoke_it }, { "expired", let_it_expire }, { "password changed", change_password },
		{ "disabled and enabled", disable_and_enable }, { "disabled", disable_user }, { "deleted", delete_user },
	};
	struct session s;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].end == disable_user || rows[i].end == delete_user)
			CHECK_OK(USERS(w, set_active, w->alice, true, w->now_us, &w->err), &w->err);
		struct str id = sign_in(w, w->alice);
		CHECK_ROW(rows[i].label, present(w, w->arena, id, 1, &s) == SESSION_ROTATED);
		rows[i].end(w, id);
		enum session_end before = get(w, id).end;
		for (uint32_t generation = 1; generation <= 3; generation++) /* also the one within its grace */
			CHECK_ROW(rows[i].label, present(w, w->arena, id, generation, &s) == SESSION_GONE && s.id.len == 0);
		CHECK_ROW(rows[i].label, get(w, id).end == before); /* why it ended stays */
		CHECK_ROW(rows[i].label, count_alive(w, w->alice) == 0);
	}
	CHECK(present(w, w->arena, new_id(w->arena), 1, &s) == SESSION_GONE);
	CHECK(present(w, w->arena, STR("' or 1=1 --"), 1, &s) == SESSION_GONE);
}

static void never_issued(struct world *w)
{
	struct str id = sign_in(w, w->alice);
	struct session s;
	enum session_outcome outcome;
	CHECK(present(w, w->arena, id, 2, &s) == SESSION_GONE && present(w, w->arena, id, UINT32_MAX, &s) == SESSION_GONE);
	struct session_rotation rotation = { .id = id, .generation = 1, .now_us = w->now_us, .expires_at_us = w->now_us + LIFE_US };
	set_hash(rotation.hash, 9); /* of this generation, but not what was given out */
	set_hash(rotation.next_hash, 2);
	CHECK_OK(SESSIONS(w, rotate, &rotation, w->arena, &outcome, &s, &w->err), &w->err);
	CHECK(outcome == SESSION_GONE);
	CHECK(present(w, w->arena, id, 1, &s) == SESSION_ROTATED); /* the right one is as good as before */
}

/* ---- the end ---- */

static void a14_revoked_one_and_all(struct world *w)
{
	struct str first = sign_in(w, w->alice), second = sign_in(w, w->alice), third = sign_in(w, w->alice), bobs = sign_in(w, w->bob);
	int64_t count = -1;
	w->now_us += SECOND_US;
	CHECK_FAILS(w, SESSIONS(w, revoke, w->bob, first, SESSION_CLOSED, w->now_us, &w->err), RPC_NOT_FOUND, "SESSION_NOT_FOUND");
	CHECK_FAILS(w, SESSIONS(w, revoke, w->alice, STR("none"), SESSION_CLOSED, w->now_us, &w->err), RPC_NOT_FOUND, "SESSION_NOT_FOUND");
	CHECK(count_alive(w, w->alice) == 3);
	CHECK_OK(SESSIONS(w, revoke, w->alice, first, SESSION_CLOSED, w->now_us, &w->err), &w->err);
	CHECK(get(w, first).end == SESSION_CLOSED && get(w, first).revoked_at_us == w->now_us && count_alive(w, w->alice) == 2);
	w->now_us += SECOND_US;
	CHECK_FAILS(w, SESSIONS(w, revoke, w->alice, first, SESSION_LOGGED_OUT, w->now_us, &w->err), RPC_NOT_FOUND, "SESSION_NOT_FOUND");
	CHECK(get(w, first).end == SESSION_CLOSED); /* the first end stands */
	CHECK_OK(SESSIONS(w, revoke_all, w->alice, second, SESSION_LOGGED_OUT, w->now_us, &count, &w->err), &w->err);
	CHECK(count == 1 && get(w, third).end == SESSION_LOGGED_OUT && get(w, first).end == SESSION_CLOSED && get(w, second).end == SESSION_LIVES);
	CHECK_OK(SESSIONS(w, revoke, STR_NONE, second, SESSION_LOGGED_OUT, w->now_us, &w->err), &w->err); /* whoever's */
	CHECK_OK(SESSIONS(w, revoke_all, w->alice, STR(""), SESSION_LOGGED_OUT, w->now_us, &count, &w->err), &w->err);
	CHECK(count == 0 && count_alive(w, w->alice) == 0 && count_alive(w, w->bob) == 1 && get(w, bobs).end == SESSION_LIVES);
}

static void listed_as_used(struct world *w)
{
	struct str ids[3];
	struct session s, *list;
	size_t count = 0;
	for (size_t i = 0; i < 3; i++) {
		ids[i] = sign_in(w, w->alice);
		w->now_us += SECOND_US;
	}
	(void)sign_in(w, w->bob);
	CHECK(present(w, w->arena, ids[0], 1, &s) == SESSION_ROTATED);
	revoke_it(w, ids[2]);
	CHECK_OK(SESSIONS(w, list, w->alice, false, w->now_us, w->arena, &list, &count, &w->err), &w->err);
	CHECK(count == 2 && str_equal(list[0].id, ids[0]) && str_equal(list[1].id, ids[1]) && list[0].generation == 2);
	CHECK_OK(SESSIONS(w, list, w->alice, true, w->now_us, w->arena, &list, &count, &w->err), &w->err);
	CHECK(count == 3 && str_equal(list[1].id, ids[2]) && list[1].end == SESSION_LOGGED_OUT);
	w->now_us = get(w, ids[1]).expires_at_us;
	CHECK(count_alive(w, w->alice) == 1); /* refreshed later, lives longer */
	CHECK_FAILS(w, SESSIONS(w, get, w->bob, ids[0], w->arena, &s, &w->err), RPC_NOT_FOUND, "SESSION_NOT_FOUND");
	CHECK_OK(SESSIONS(w, get, w->alice, ids[0], w->arena, &s, &w->err), &w->err);
}

static size_t revoked_since(struct world *w, int64_t since_us, struct str **out_ids)
{
	size_t count = SIZE_MAX;
	CHECK_OK(SESSIONS(w, revoked_since, since_us, w->arena, out_ids, &count, &w->err), &w->err);
	return count;
}

static void a14_others_learn_of_it(struct world *w)
{
	struct str a = sign_in(w, w->alice), b = sign_in(w, w->alice), c = sign_in(w, w->bob), *ids;
	struct session s;
	CHECK(revoked_since(w, 0, &ids) == 0);
	w->now_us += SECOND_US;
	int64_t first_us = w->now_us;
	revoke_it(w, b);
	w->now_us += SECOND_US;
	CHECK(present(w, w->arena, c, 1, &s) == SESSION_ROTATED);
	w->now_us += SESSION_GRACE_US + 1;
	int64_t second_us = w->now_us;
	CHECK(present(w, w->arena, c, 1, &s) == SESSION_REUSED);
	w->now_us += SECOND_US;
	delete_user(w, a);
	CHECK(revoked_since(w, first_us, &ids) == 3 && str_equal(ids[0], b) && str_equal(ids[1], c) && str_equal(ids[2], a));
	CHECK(revoked_since(w, first_us + 1, &ids) == 2 && str_equal(ids[0], c));
	CHECK(revoked_since(w, second_us, &ids) == 2 && revoked_since(w, w->now_us, &ids) == 1 && str_equal(ids[0], a));
	CHECK(revoked_since(w, w->now_us + 1, &ids) == 0);
	struct session left = get(w, a); /* a bare id */
	CHECK(left.user_id.len == 0 && !left.user_agent.ptr && !left.client_address.ptr && left.end == SESSION_USER_DELETED);
	CHECK(get(w, b).user_id.len == 0 && !get(w, b).user_agent.ptr && get(w, b).end == SESSION_LOGGED_OUT);
}

static int64_t sweep(struct world *w, int64_t before_us, size_t limit)
{
	int64_t count = -1;
	CHECK_OK(SESSIONS(w, sweep, before_us, limit, &count, &w->err), &w->err);
	return count;
}

static void swept_by_turns(struct world *w)
{
	struct str revoked = sign_in(w, w->alice), both = sign_in(w, w->alice), alive = sign_in(w, w->bob);
	struct session s;
	int64_t made_us = w->now_us;
	revoke_it(w, revoked);
	CHECK(sweep(w, made_us, 10) == 0); /* before, not at */
	CHECK(sweep(w, made_us + 1, 10) == 1);
	CHECK_FAILS(w, SESSIONS(w, get, STR_NONE, revoked, w->arena, &s, &w->err), RPC_NOT_FOUND, "SESSION_NOT_FOUND");
	revoke_it(w, both);
	w->now_us += DAY_US;
	CHECK(present(w, w->arena, alive, 1, &s) == SESSION_ROTATED);
	(void)sign_in(w, w->alice);
	w->now_us += LIFE_US + SECOND_US;
	CHECK(sweep(w, made_us + LIFE_US + 1, 1) == 1 && sweep(w, made_us + LIFE_US + 1, 10) == 0);
	CHECK(get(w, alive).end == SESSION_LIVES);
	CHECK(sweep(w, w->now_us, 1) == 1 && sweep(w, w->now_us, 1) == 1 && sweep(w, w->now_us, 1) == 0);
	CHECK(present(w, w->arena, alive, 2, &s) == SESSION_GONE);
}

/* ---- a password that changes while people sign in ---- */

struct entering {
	atomic_int entered, refused;
};
static void enter_or_change(struct world *w, void *ctx, size_t index)
{
	struct entering *all = ctx;
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	if (index == THREADS / 2) {
		struct password_change change = { .user_id = w->alice, .old_hash = STR("old"), .new_hash = STR("new"), .now_us = w->now_us };
		CHECK_OK(USERS(w, set_password, &change, &err), &err);
	} else {
		char id[UUID_TEXT_BYTES];
		uuid_make(id);
		struct session_start start = { .id = str_from(id), .user_id = w->alice, .now_us = w->now_us, .expires_at_us = w->now_us + LIFE_US,
			                       .password_hash = STR("old") };
		if (SESSIONS(w, create, &start, &err)) all->entered++;
		else all->refused += CHECK(error_is(&err, "PASSWORD_CHANGED"));
	}
	arena_destroy(&arena);
}

static void a14_nobody_slips_through(struct world *w)
{
	struct password_change change = { .user_id = w->alice, .new_hash = STR("old"), .now_us = w->now_us };
	struct entering all = { 0 };
	CHECK_OK(USERS(w, set_password, &change, &w->err), &w->err);
	world_threads(w, THREADS, enter_or_change, &all);
	CHECK(all.entered + all.refused == THREADS - 1);
	CHECK(count_alive(w, w->alice) == 0); /* entered before, and ended; or came too late */
}

int contract_sessions(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "a session comes back as it was made, with what fits of where it came from", comes_back_as_made },
		{ "a sign-in is by the user as they are at that moment", enters_only_as_they_are },
		{ "one more than a user may have ends the one used longest ago", oldest_gives_way },
		{ "A10 a refresh token is good once; an older one ends the session", a10_rotates_and_reuse_ends_it },
		{ "A11 for ten seconds the one before gives the same successor and changes nothing", a11_grace_gives_the_same },
		{ "A11 the grace is that of the last rotation, and no clock prolongs it", a11_grace_is_of_the_last_rotation },
		{ "A12 of 50 at once one rotates and all get the same; a replay by 50 is noticed once", a12_fifty_at_once_have_one_winner },
		{ "A13 who lost the answer comes again", a13_lost_answer },
		{ "a refresh says where from", refresh_says_where_from },
		{ "what has ended stays ended, whatever is presented", gone_for_good },
		{ "a token that was never issued ends nothing", never_issued },
		{ "A14 one session is revoked, or all but one", a14_revoked_one_and_all },
		{ "sessions are listed by last use, each to its user", listed_as_used },
		{ "A14 revoked ids can be asked for by time, a deleted account's too", a14_others_learn_of_it },
		{ "sessions that have ended are swept by turns", swept_by_turns },
		{ "A14 no sign-in with the old password survives its change", a14_nobody_slips_through },
	};
	return world_run(contract, "sessions", rules, COUNT(rules));
}
