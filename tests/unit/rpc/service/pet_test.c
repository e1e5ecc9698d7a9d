/* PetService and plans for stored pets: the handlers against a real store, without a server. */
#include <petfood/accessors.h>
#include <petfood/handlers.h>
#include <stdlib.h>

#include "petfood/v1/pet.pb-c.h"
#include "rpc/job/plan_input.h"
#include "rpc/json/json.h"
#include "rpc/service/services.h"
#include "rpc/wire/call.h"
#include "rpc/wire/unpack.h"
#include "tests/support/plan_make.h"
#include "tests/unit/rpc/job/fixture.h"

/* The server's methods and parking, which no pet needs. */
bool call_service_cancel(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call, (void)request, (void)reply;
	return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "the server's");
}
bool call_service_ping(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call, (void)request, (void)reply;
	return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "the server's");
}
void call_watch(struct call *call, struct str key) { (void)call, (void)key; }
bool call_wait(struct call *call, uint32_t wait_ms, struct error *err)
{
	(void)call, (void)wait_ms, (void)err;
	return true;
}

struct pet_test {
	struct fixture f;
	struct services services;
	struct call call;
	struct pet_store_driver scripted;
	const atomic_bool not_cancelled;
	struct error err;
};

static void be(struct pet_test *t, struct str user_id)
{
	(void)snprintf(t->call.caller.user_id, sizeof t->call.caller.user_id, STR_FMT, STR_ARG(user_id));
}

static void open_test(struct pet_test *t)
{
	fixture_open(&t->f);
	t->services.store = &t->f.store;
	atomic_init(&t->services.engine, NULL);
	t->services.events = t->f.options.events;
	t->call = (struct call){
		.arena = t->f.arena,
		.clock = &t->f.clock,
		.caller = { .kind = PRINCIPAL_USER },
		.lang = LANG_EN,
		.services = &t->services,
		.cancelled = &t->not_cancelled,
	};
	be(t, t->f.user_id);
}

static void close_test(struct pet_test *t) { fixture_close(&t->f); }

static struct str other_user(struct pet_test *t)
{
	struct user user;
	bool created;
	CHECK_OK(
	    t->f.store.users.driver->ensure(t->f.store.users.self, STR("bob"), 1, t->f.arena, &user, &created, &t->err),
	    &t->err);
	return user.id;
}

#define PET "petfood.v1.PetService/"
#define PLAN "petfood.v1.PlanService/"
#define NO_KEY NULL, NULL, NULL, NULL

/* Runs a handler by its full name; NULL if it failed, with t->err. */
static void *run(struct pet_test *t, const char *method, const void *request)
{
	t->call.method = method_by_name(str_from(method));
	if (!t->call.method) die("no method %s", method);
	const ProtobufCMessageDescriptor *d = t->call.method->reply->descriptor;
	void *reply = arena_alloc(t->f.arena, d->sizeof_message);
	d->message_init(reply);
	error_clear(&t->err);
	return handler_table[t->call.method - method_table](&t->call, request, reply, &t->err) ? reply : NULL;
}

/* A request as an HTTP client writes it. */
static void *request_of(struct pet_test *t, const char *method, const char *json)
{
	const struct message_side *side = method_by_name(str_from(method))->request;
	ProtobufCMessage *message = arena_alloc(t->f.arena, side->descriptor->sizeof_message);
	protobuf_c_message_init(side->descriptor, message);
	error_clear(&t->err);
	if (!json_to_message(t->f.arena, str_from(json), side, NULL, message, &t->err)) die("%s: %s", method, json);
	return message;
}
static void *ask(struct pet_test *t, const char *method, const char *json)
{
	return run(t, method, request_of(t, method, json));
}

static const char whole_pet[] =
    "{\"name\":\"豆豆\",\"type\":\"dog\",\"breed\":\"柯基\",\"age\":48,\"weight\":12.5,\"gender\":\"male\","
    "\"health_status\":\"健康\",\"special_requirements\":\"no onion\",\"allergens\":[\"chicken\",\"a\\\"b\"],"
    "\"health_issues\":[\"arthritis\"]}";

static Petfood__V1__Pet *create(struct pet_test *t, const char *json)
{
	Petfood__V1__Pet *pet = ask(t, PET "CreatePet", json);
	if (!CHECK_OK(pet != NULL, &t->err)) die("no pet");
	return pet;
}

static Petfood__V1__Pet *get(struct pet_test *t, const char *id)
{
	Petfood__V1__GetPetRequest r = PETFOOD__V1__GET_PET_REQUEST__INIT;
	r.id = (char *)(uintptr_t)id;
	return run(t, PET "GetPet", &r);
}

static Petfood__V1__Pet *update(struct pet_test *t, const char *id, const char *json)
{
	Petfood__V1__UpdatePetRequest *r = request_of(t, PET "UpdatePet", json);
	r->id = (char *)(uintptr_t)id;
	return run(t, PET "UpdatePet", r);
}

static bool delete (struct pet_test *t, const char *id)
{
	Petfood__V1__DeletePetRequest r = PETFOOD__V1__DELETE_PET_REQUEST__INIT;
	r.id = (char *)(uintptr_t)id;
	Petfood__V1__DeletePetReply *reply = run(t, PET "DeletePet", &r);
	if (reply) CHECK_STR(str_from(reply->pet_id), id);
	return reply != NULL;
}

static struct str printed(struct pet_test *t, const Petfood__V1__Pet *pet)
{
	return json_print_arena(t->f.arena, &pet->base);
}

/* What is printed between the pet's owner and its instants. */
static struct str said(struct pet_test *t, const Petfood__V1__Pet *pet)
{
	struct str json = printed(t, pet);
	size_t from = str_find(json, STR("\"name\""), 0), to = str_find(json, STR(",\"created_at\""), 0);
	return (struct str){ json.ptr + from, to - from };
}

/* ---- pets ---- */

static void test_create(void)
{
	static const struct {
		const char *label, *json, *want;
	} rows[] = {
		{ "everything", whole_pet,
		  "\"name\":\"豆豆\",\"type\":\"dog\",\"breed\":\"柯基\",\"age\":48,\"weight\":12.5,\"gender\":"
		  "\"male\",\"health_status\":\"健康\","
		  "\"special_requirements\":\"no "
		  "onion\",\"allergens\":[\"chicken\",\"a\\\"b\"],\"health_issues\":[\"arthritis\"],"
		  "\"avatar_url\":null,\"is_active\":true,\"has_plan\":false" },
		{ "the least", "{\"name\":\"M\",\"type\":\"cat\",\"age\":1,\"weight\":4.5}",
		  "\"name\":\"M\",\"type\":\"cat\",\"breed\":null,\"age\":1,\"weight\":4.5,\"gender\":null,\"health_"
		  "status\":null,"
		  "\"special_requirements\":null,\"allergens\":[],\"health_issues\":[],\"avatar_url\":null,\"is_"
		  "active\":true,\"has_plan\":false" },
		{ "empty is not nothing",
		  "{\"name\":\"M\",\"type\":\"cat\",\"age\":2147483647,\"weight\":1000,\"gender\":\"\",\"breed\":\"\","
		  "\"health_status\":\"\","
		  "\"special_requirements\":\"\",\"allergens\":null,\"health_issues\":[]}",
		  "\"name\":\"M\",\"type\":\"cat\",\"breed\":\"\",\"age\":2147483647,\"weight\":1000,\"gender\":\"\","
		  "\"health_status\":\"\","
		  "\"special_requirements\":\"\",\"allergens\":[],\"health_issues\":[],\"avatar_url\":null,\"is_"
		  "active\":true,\"has_plan\":false" },
	};
	struct pet_test t = { 0 };
	open_test(&t);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t before_us = clock_now_us(t.call.clock), at_us = 0;
		Petfood__V1__Pet *made = create(&t, rows[i].json), *got = get(&t, made->id);
		CHECK_STR_ROW(rows[i].label, said(&t, made), rows[i].want);
		CHECK_STR(str_from(made->user_id), t.call.caller.user_id);
		if (CHECK_OK(got != NULL, &t.err))
			CHECK_STR_ROW(rows[i].label, printed(&t, got), printed(&t, made).ptr);
		CHECK(json_timestamp_us(made->created_at, &at_us) && at_us >= before_us &&
		      at_us <= clock_now_us(t.call.clock));
	}
	close_test(&t);
}

static void test_list(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	const char *ids[3];
	for (int i = 0; i < 3; i++) {
		ids[i] = create(&t, "{\"name\":\"M\",\"type\":\"cat\",\"age\":1,\"weight\":4}")->id;
		fixture_move_clock(&t.f, 1);
	}
	CHECK(delete (&t, ids[1]));
	Petfood__V1__ListPetsReply *reply = ask(&t, PET "ListPets", "{}");
	CHECK(reply && reply->total == 2 && reply->n_items == 2 && strcmp(reply->items[0]->id, ids[2]) == 0 &&
	      strcmp(reply->items[1]->id, ids[0]) == 0);
	if (reply) CHECK_STR(printed(&t, reply->items[0]), printed(&t, get(&t, ids[2])).ptr);
	reply = ask(&t, PET "ListPets", "{\"is_active\":true}");
	CHECK(reply && reply->total == 2);
	reply = ask(&t, PET "ListPets", "{\"is_active\":false}");
	CHECK(reply && reply->total == 1 && strcmp(reply->items[0]->id, ids[1]) == 0 && !reply->items[0]->is_active);
	be(&t, other_user(&t));
	reply = ask(&t, PET "ListPets", "{}");
	CHECK(reply && reply->total == 0 && reply->n_items == 0);
	close_test(&t);
}

/* Each field by itself, given, null and missing: what is not given stays. */
static void test_update(void)
{
	static const struct {
		const char *field, *json, *want; /* want: of that field afterwards */
	} rows[] = {
		{ "name", "\"Rex\"", "\"Rex\"" },
		{ "type", "\"cat\"", "\"cat\"" },
		{ "breed", "\"\"", "\"\"" },
		{ "breed", "\"Siam\"", "\"Siam\"" },
		{ "age", "49", "49" },
		{ "weight", "4.55", "4.55" },
		{ "gender", "\"female\"", "\"female\"" },
		{ "gender", "\"\"", "\"\"" },
		{ "health_status", "\"fat\"", "\"fat\"" },
		{ "special_requirements", "\"\"", "\"\"" },
		{ "allergens", "[\"beef\"]", "[\"beef\"]" },
		{ "allergens", "[]", "[]" },
		{ "health_issues", "[]", "[]" },
	};
	struct pet_test t = { 0 };
	open_test(&t);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *label = rows[i].field;
		Petfood__V1__Pet *made = create(&t, whole_pet), *now;
		struct str before = said(&t, made);
		struct str null_json = str_printf(
		    t.f.arena, "{\"%s\":null,\"user_id\":\"x\",\"is_active\":false,\"has_plan\":true,\"id\":\"y\"}",
		    label);
		now = update(&t, made->id, null_json.ptr);
		if (!CHECK_OK(now != NULL, &t.err)) continue;
		CHECK_STR_ROW(label, said(&t, now), str_dup_c(t.f.arena, before));
		now = update(&t, made->id, str_printf(t.f.arena, "{\"%s\":%s}", label, rows[i].json).ptr);
		if (!CHECK_OK(now != NULL, &t.err)) continue;
		/* The same text, but for this field. */
		size_t at = str_find(before, str_printf(t.f.arena, "\"%s\":", label), 0) + strlen(label) + 3;
		const struct field_side *field = field_by_name(message_side_of(made->base.descriptor), str_from(label));
		struct strbuf old;
		strbuf_init(&old, t.f.arena);
		json_print_field(&old, field, &made->base);
		struct str want = str_printf(t.f.arena, STR_FMT "%s" STR_FMT, (int)at, before.ptr, rows[i].want,
		                             (int)(before.len - at - old.len), before.ptr + at + old.len);
		CHECK_STR_ROW(label, said(&t, now), want.ptr);
		CHECK_STR_ROW(label, printed(&t, get(&t, made->id)), printed(&t, now).ptr);
		CHECK_ROW(label, strcmp(now->id, made->id) == 0 && strcmp(now->user_id, made->user_id) == 0);
		int64_t made_us = 0, now_us = 0;
		CHECK(json_timestamp_us(now->created_at, &made_us) && json_timestamp_us(now->updated_at, &now_us) &&
		      now_us > made_us);
	}
	close_test(&t);
}

static void test_no_such_pet(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	Petfood__V1__Pet *mine = create(&t, whole_pet), *gone = create(&t, whole_pet);
	CHECK(delete (&t, gone->id));
	struct str bob = other_user(&t), me = str_dup(t.f.arena, str_from(t.call.caller.user_id));
	const struct {
		const char *label, *id;
		struct str user;
	} rows[] = { { "another user's", mine->id, bob },
		     { "deleted", gone->id, me },
		     { "no id of any", "x", me },
		     { "empty", "", me } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		be(&t, rows[i].user);
		CHECK_ROW(rows[i].label,
		          !get(&t, rows[i].id) && t.err.code == RPC_NOT_FOUND && error_is(&t.err, "PET_NOT_FOUND"));
		CHECK_ROW(rows[i].label,
		          !update(&t, rows[i].id, "{\"name\":\"x\"}") && error_is(&t.err, "PET_NOT_FOUND"));
		CHECK_ROW(rows[i].label, !delete (&t, rows[i].id) && error_is(&t.err, "PET_NOT_FOUND"));
	}
	be(&t, me);
	if (CHECK(get(&t, mine->id))) CHECK_STR(printed(&t, get(&t, mine->id)), printed(&t, mine).ptr);
	close_test(&t);
}

/* An allergy that cannot be read must not look like none. */
static void test_unreadable_lists(void)
{
	static const char *const lists[] = { "[\"chicken\"", "\"chicken\"", "[1]", "[null]", "{}", "" };
	struct pet_test t = { 0 };
	open_test(&t);
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct pet_record record = { .id = str_printf(t.f.arena, "pet-%zu", i),
			                     .user_id = t.f.user_id,
			                     .name = STR("M"),
			                     .type = 1,
			                     .age = 1,
			                     .weight = 4,
			                     .allergens = str_from(lists[i]),
			                     .is_active = true,
			                     .created_at_us = 1,
			                     .updated_at_us = 1 };
		CHECK_OK(t.f.store.pets.driver->create(t.f.store.pets.self, &record, NO_KEY, &t.err), &t.err);
		CHECK_ROW(lists[i], !get(&t, record.id.ptr) && t.err.code == RPC_DATA_LOSS);
		CHECK_ROW(lists[i], !ask(&t, PET "ListPets", "{}") && t.err.code == RPC_DATA_LOSS);
		struct str plan = str_printf(t.f.arena, "{\"pet_id\":\"%s\"}", record.id.ptr);
		CHECK_ROW(lists[i], !ask(&t, PLAN "CreatePlan", plan.ptr) && t.err.code == RPC_DATA_LOSS);
		CHECK(delete (&t, record.id.ptr));
	}
	close_test(&t);
}

/* ---- keys ---- */

static void use_key(struct pet_test *t, const char *key, unsigned char hash)
{
	t->call.idempotency_key = str_from(key);
	memset(t->call.payload_hash, hash, sizeof t->call.payload_hash);
}

static void test_k05_pets(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	use_key(&t, "k", 1);
	Petfood__V1__Pet *made = create(&t, whole_pet), *again = create(&t, whole_pet);
	CHECK_STR(printed(&t, again), printed(&t, made).ptr);
	Petfood__V1__ListPetsReply *list = ask(&t, PET "ListPets", "{}");
	CHECK(list && list->total == 1);
	Petfood__V1__Pet *updated = update(&t, made->id, "{\"name\":\"Rex\"}");
	t.call.idempotency_key = STR("");
	Petfood__V1__Pet *later = update(&t, made->id, "{\"name\":\"Max\"}");
	use_key(&t, "k", 1);
	again = update(&t, made->id, "{\"name\":\"Rex\"}");
	if (CHECK(updated && later && again)) CHECK_STR(printed(&t, again), printed(&t, updated).ptr);
	t.call.idempotency_key = STR("");
	if (CHECK(get(&t, made->id))) CHECK_STR(str_from(get(&t, made->id)->name), "Max");

	/* The first answers, although the pet is gone; and it stays gone. */
	use_key(&t, "k", 1);
	CHECK(delete (&t, made->id));
	CHECK(delete (&t, made->id));
	again = create(&t, whole_pet);
	CHECK_STR(printed(&t, again), printed(&t, made).ptr);
	again = update(&t, made->id, "{\"name\":\"Rex\"}");
	if (CHECK(again)) CHECK_STR(printed(&t, again), printed(&t, updated).ptr);
	CHECK(t.err.code == RPC_OK);
	use_key(&t, "other", 1);
	CHECK(!update(&t, made->id, "{\"name\":\"Rex\"}") && error_is(&t.err, "PET_NOT_FOUND"));
	use_key(&t, "k", 2);
	CHECK(!update(&t, made->id, "{\"name\":\"Rex\"}") && error_is(&t.err, "IDEMPOTENCY_MISMATCH"));
	CHECK(!ask(&t, PET "CreatePet", whole_pet) && error_is(&t.err, "IDEMPOTENCY_MISMATCH"));
	CHECK(!delete (&t, made->id) && error_is(&t.err, "IDEMPOTENCY_MISMATCH"));
	t.call.idempotency_key = STR("");
	CHECK(!get(&t, made->id) && error_is(&t.err, "PET_NOT_FOUND"));
	list = ask(&t, PET "ListPets", "{}");
	CHECK(list && list->total == 0);
	close_test(&t);
}

/* ---- a store that answers as it is told ---- */

static const struct pet_store_driver *real_pets;
static int moves_left, updates_made;
static bool write_it;

/* Another call is faster, so many times. */
static bool moved_update(void *self, const struct pet_record *pet, int64_t was_us, const struct idempotency *idem,
                         struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err)
{
	updates_made++;
	if (moves_left-- > 0) {
		struct pet_record other;
		struct error mine = { 0 };
		CHECK_OK(real_pets->get(self, pet->user_id, pet->id, arena, &other, &mine), &mine);
		int64_t other_was_us = other.updated_at_us;
		other.age++;
		other.updated_at_us++;
		CHECK_OK(real_pets->update(self, &other, other_was_us, NO_KEY, &mine), &mine);
	}
	return real_pets->update(self, pet, was_us, idem, arena, out_replayed, out_reply, err);
}

static bool uncertain_update(void *self, const struct pet_record *pet, int64_t was_us, const struct idempotency *idem,
                             struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err)
{
	if (write_it) (void)!real_pets->update(self, pet, was_us, idem, arena, out_replayed, out_reply, err);
	return error_set(err, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN, "scripted");
}

static bool uncertain_create(void *self, const struct pet_record *pet, const struct idempotency *idem,
                             struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err)
{
	if (write_it) (void)!real_pets->create(self, pet, idem, arena, out_replayed, out_reply, err);
	return error_set(err, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN, "scripted");
}

static void script(struct pet_test *t)
{
	real_pets = t->f.store.pets.driver;
	t->scripted = *real_pets;
	t->f.store.pets.driver = &t->scripted;
}

static void test_overtaken_update(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	Petfood__V1__Pet *pet = create(&t, whole_pet);
	script(&t);
	t.scripted.update = moved_update;
	moves_left = 5;
	Petfood__V1__Pet *now = update(&t, pet->id, "{\"name\":\"Rex\"}");
	/* Nothing of what the others did is lost, and the reply tells of it. */
	if (CHECK_OK(now != NULL, &t.err)) CHECK(now->age == pet->age + 5 && strcmp(now->name, "Rex") == 0);
	if (CHECK(get(&t, pet->id))) CHECK_STR(printed(&t, get(&t, pet->id)), printed(&t, now).ptr);
	CHECK(t.err.code == RPC_OK);
	moves_left = 1000000;
	updates_made = 0;
	CHECK(!update(&t, pet->id, "{\"name\":\"Max\"}") && t.err.code == RPC_ABORTED && error_is(&t.err, "PET_MOVED"));
	CHECK(updates_made < 100);
	close_test(&t);
}

static void test_uncertain_writes(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	Petfood__V1__Pet *pet = create(&t, whole_pet);
	script(&t);
	t.scripted.update = uncertain_update;
	t.scripted.create = uncertain_create;
	write_it = true;
	Petfood__V1__Pet *now = update(&t, pet->id, "{\"allergens\":[\"beef\"]}");
	CHECK(now && now->n_allergens == 1 && t.err.code == RPC_OK);
	Petfood__V1__Pet *made = ask(&t, PET "CreatePet", whole_pet);
	CHECK(made && t.err.code == RPC_OK && get(&t, made->id));
	write_it = false;
	CHECK(!update(&t, pet->id, "{\"allergens\":[]}") && error_is(&t.err, REASON_WRITE_UNCERTAIN));
	CHECK(!ask(&t, PET "CreatePet", whole_pet) && error_is(&t.err, REASON_WRITE_UNCERTAIN));
	close_test(&t);
}

/* ---- plans ---- */

static Petfood__V1__CreatePlanRequest *task_input(struct pet_test *t, const char *task_id)
{
	struct task task = fixture_task(&t->f, str_from(task_id));
	Petfood__V1__CreatePlanRequest *input = (Petfood__V1__CreatePlanRequest *)message_unpack(
	    t->f.arena, &petfood__v1__create_plan_request__descriptor, task.input, &t->err);
	if (!CHECK_OK(input != NULL, &t->err)) die("no input");
	return input;
}

/* What the task keeps of a request that names the pet, as JSON without the pet's id. */
static struct str kept_input(struct pet_test *t, const char *method, const char *pet_id, const char *rest)
{
	struct str json = str_printf(t->f.arena, "{\"pet_id\":\"%s\"%s%s}", pet_id, *rest ? "," : "", rest);
	const Petfood__V1__CreatePlanReply *plain = NULL;
	const Petfood__V1__StreamOpen *open = NULL;
	if (strcmp(method, PLAN "CreatePlan") == 0)
		plain = ask(t, method, json.ptr);
	else
		open = ask(t, method, json.ptr);
	if (!CHECK_OK(plain || open, &t->err)) return STR("");
	Petfood__V1__CreatePlanRequest *input = task_input(t, plain ? plain->task_id : open->task_id);
	CHECK_STR(str_from(petfood_v1_create_plan_request_pet_id_or(input, "")), pet_id);
	petfood_v1_create_plan_request_clear_pet_id(input);
	return json_print_arena(t->f.arena, &input->base);
}

#define STORED_LISTS "\"allergens\":[\"chicken\",\"a\\\"b\"],\"health_issues\":[\"arthritis\"]"
#define STORED \
	"\"pet_type\":\"dog\",\"pet_breed\":\"柯基\",\"pet_age\":48,\"pet_weight\":12.5,\"health_status\":\"健康\","

/* A request that names the pet is kept as the one that says the same of it. */
static void test_plan_request(void)
{
	static const struct {
		const char *label, *rest, *same_as;
	} rows[] = {
		{ "nothing beside it", "", "{" STORED "\"special_requirements\":\"no onion\"," STORED_LISTS "}" },
		{ "its own fields go before the request's",
		  "\"pet_type\":\"cat\",\"pet_breed\":\"Siam\",\"pet_age\":3,\"pet_weight\":3,\"health_status\":"
		  "\"fat\"",
		  "{" STORED "\"special_requirements\":\"no onion\"," STORED_LISTS "}" },
		{ "special requirements override", "\"special_requirements\":\"no garlic\"",
		  "{" STORED "\"special_requirements\":\"no garlic\"," STORED_LISTS "}" },
		{ "empty ones are none", "\"special_requirements\":\"\"",
		  "{" STORED "\"special_requirements\":\"no onion\"," STORED_LISTS "}" },
		{ "what is stored of no pet stays",
		  "\"neutered\":true,\"bcs\":6,\"activity\":\"high\",\"meals_per_day\":3,\"dislikes\":[\"carrot\"]",
		  "{" STORED "\"special_requirements\":\"no onion\"," STORED_LISTS
		  ",\"neutered\":true,\"bcs\":6,\"activity\":\"high\",\"meals_per_day\":3,\"dislikes\":[\"carrot\"]}" },
		{ "allergens and issues add up", "\"allergens\":[\"beef\"],\"health_issues\":[\"pancreatitis\"]",
		  "{" STORED "\"special_requirements\":\"no "
		             "onion\",\"allergens\":[\"chicken\",\"a\\\"b\",\"beef\"],\"health_issues\":[\"arthritis\","
		  "\"pancreatitis\"]}" },
	};
	static const char *const methods[] = { PLAN "CreatePlan", PLAN "CreatePlanStream" };
	struct pet_test t = { 0 };
	open_test(&t);
	Petfood__V1__Pet *pet = create(&t, whole_pet);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t m = 0; m < COUNT(methods); m++) {
			Petfood__V1__CreatePlanRequest *inline_request = request_of(&t, methods[m], rows[i].same_as);
			CHECK_STR_ROW(rows[i].label, kept_input(&t, methods[m], pet->id, rows[i].rest),
			              json_print_arena(t.f.arena, &inline_request->base).ptr);
		}
	/* A pet of which the least is known says no more than that. */
	pet = create(&t, "{\"name\":\"M\",\"type\":\"cat\",\"age\":30,\"weight\":4.5}");
	Petfood__V1__CreatePlanRequest *least =
	    request_of(&t, methods[0], "{\"pet_type\":\"cat\",\"pet_age\":30,\"pet_weight\":4.5}");
	CHECK_STR_ROW("the least",
	              kept_input(&t, methods[0], pet->id, "\"pet_breed\":\"Siam\",\"health_status\":\"fat\""),
	              json_print_arena(t.f.arena, &least->base).ptr);
	/* An empty id names no pet. */
	CHECK(ask(&t, methods[0], "{\"pet_id\":\"\",\"pet_type\":\"cat\"}"));
	close_test(&t);
}

static int64_t task_count(struct pet_test *t)
{
	Petfood__V1__ListTasksReply *list = ask(t, "petfood.v1.TaskService/ListTasks", "{}");
	return list ? list->total : -1;
}

static void test_plan_without_pet(void)
{
	static const char *const methods[] = { PLAN "CreatePlan", PLAN "CreatePlanStream" };
	struct pet_test t = { 0 };
	open_test(&t);
	struct str me = str_dup(t.f.arena, str_from(t.call.caller.user_id));
	be(&t, other_user(&t));
	const char *foreign = create(&t, whole_pet)->id;
	be(&t, me);
	const char *gone = create(&t, whole_pet)->id,
	           *fat = create(&t, "{\"name\":\"M\",\"type\":\"cat\",\"age\":30,\"weight\":400}")->id;
	CHECK(delete (&t, gone));
	const char *const ids[] = { foreign, gone, "0190b2a4-5c6d-4e7f-8a9b-0c1d2e3f4a5b", "x" };
	for (size_t m = 0; m < COUNT(methods); m++) {
		for (size_t i = 0; i < COUNT(ids); i++) {
			struct str json = str_printf(t.f.arena, "{\"pet_id\":\"%s\"}", ids[i]);
			for (int keyed = 0; keyed < 2; keyed++) {
				if (keyed) use_key(&t, "new", 1);
				CHECK_ROW(ids[i], !ask(&t, methods[m], json.ptr) && t.err.code == RPC_NOT_FOUND &&
				                      error_is(&t.err, "PET_NOT_FOUND"));
				t.call.idempotency_key = STR("");
			}
		}
		/* What no pet can be is told at once, of a stored one too. */
		struct str json = str_printf(t.f.arena, "{\"pet_id\":\"%s\"}", fat);
		CHECK(!ask(&t, methods[m], json.ptr) && error_is(&t.err, "VALIDATION_FAILED"));
		CHECK(t.err.violation_count == 1 && strcmp(t.err.violations[0].field, "pet_weight") == 0);
	}
	CHECK(task_count(&t) == 0 && t.f.published_count == 0);
	close_test(&t);
}

/* Lists of an adopted database may be longer than ours: refused rather than cut. */
static void test_plan_with_too_many_allergens(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	struct strbuf list;
	strbuf_init(&list, t.f.arena);
	for (int i = 0; i < PET_LIST_MAX; i++) strbuf_printf(&list, "%s\"food %d\"", i ? "," : "[", i);
	strbuf_add_char(&list, ']');
	struct pet_record record = { .id = STR("adopted"),
		                     .user_id = t.f.user_id,
		                     .name = STR("M"),
		                     .type = 2,
		                     .age = 30,
		                     .weight = 12,
		                     .allergens = strbuf_str(&list),
		                     .is_active = true,
		                     .created_at_us = 1,
		                     .updated_at_us = 1 };
	CHECK_OK(t.f.store.pets.driver->create(t.f.store.pets.self, &record, NO_KEY, &t.err), &t.err);
	Petfood__V1__CreatePlanReply *reply = ask(&t, PLAN "CreatePlan", "{\"pet_id\":\"adopted\"}");
	if (CHECK_OK(reply != NULL, &t.err)) CHECK(task_input(&t, reply->task_id)->n_allergens == PET_LIST_MAX);
	CHECK(!ask(&t, PLAN "CreatePlan", "{\"pet_id\":\"adopted\",\"allergens\":[\"one more\"]}") &&
	      error_is(&t.err, "VALIDATION_FAILED"));
	CHECK(t.err.violation_count == 1 && strcmp(t.err.violations[0].field, "allergens") == 0 &&
	      strcmp(t.err.violations[0].type, "too_long") == 0);
	close_test(&t);
}

/* A create is repeated although its pet is deleted, or no pet any more: the key comes first. */
static void test_k05_plan_of_deleted_pet(void)
{
	static const char *const methods[] = { PLAN "CreatePlan", PLAN "CreatePlanStream" };
	struct pet_test t = { 0 };
	open_test(&t);
	for (size_t m = 0; m < COUNT(methods); m++) {
		const char *id = create(&t, whole_pet)->id;
		struct str json = str_printf(t.f.arena, "{\"pet_id\":\"%s\"}", id);
		use_key(&t, "k", 1);
		ProtobufCMessage *first = ask(&t, methods[m], json.ptr);
		if (!CHECK_OK(first != NULL, &t.err)) continue;
		struct str want = json_print_arena(t.f.arena, first);
		int64_t tasks = task_count(&t);
		size_t published = t.f.published_count;
		for (int state = 0; state < 3; state++) { /* as it was; impossible; gone */
			t.call.idempotency_key = STR("");
			if (state == 1) CHECK(update(&t, id, "{\"weight\":999}"));
			if (state == 2) CHECK(delete (&t, id));
			use_key(&t, "k", 1);
			ProtobufCMessage *again = ask(&t, methods[m], json.ptr);
			if (CHECK_OK(again != NULL, &t.err)) CHECK_STR(json_print_arena(t.f.arena, again), want.ptr);
			CHECK(t.err.code == RPC_OK);
			use_key(&t, "k", 2);
			CHECK(!ask(&t, methods[m], json.ptr) && error_is(&t.err, "IDEMPOTENCY_MISMATCH"));
		}
		use_key(&t, "other", 1);
		CHECK(!ask(&t, methods[m], json.ptr) && error_is(&t.err, "PET_NOT_FOUND"));
		CHECK(task_count(&t) == tasks && t.f.published_count == published);
		t.call.idempotency_key = STR("");
	}
	close_test(&t);
}

static bool contains(struct str text, const char *word) { return str_find(text, str_from(word), 0) != SIZE_MAX; }

/* A dog that gets chicken gets none once the stored pet says that it must not; and its plan is, byte for byte, the one from the
 * same words in the request. */
static void test_planner_minds_the_stored_pet(void)
{
	static const char healthy[] =
	    "{\"name\":\"R\",\"type\":\"dog\",\"breed\":\"Corgi\",\"age\":48,\"weight\":12.5}";
	static const char words[] = "{\"pet_type\":\"dog\",\"pet_breed\":\"Corgi\",\"pet_age\":48,\"pet_weight\":12.5,"
	                            "\"allergens\":[\"chicken\"],\"neutered\":true}";
	struct pet_test t = { 0 };
	open_test(&t);
	struct plan_made *made = arena_new_array(t.f.arena, struct plan_made, 3);
	struct pet *pets = arena_new_array(t.f.arena, struct pet, 3);
	const char *id = create(&t, healthy)->id;
	struct str requests[] = { str_printf(t.f.arena, "{\"pet_id\":\"%s\",\"neutered\":true}", id),
		                  str_printf(t.f.arena, "{\"pet_id\":\"%s\",\"neutered\":true}", id), str_from(words) };
	for (size_t i = 0; i < COUNT(requests); i++) {
		if (i == 1) CHECK(update(&t, id, "{\"allergens\":[\"chicken\"]}"));
		Petfood__V1__CreatePlanReply *reply = ask(&t, PLAN "CreatePlan", requests[i].ptr);
		if (!CHECK_OK(reply != NULL, &t.err)) goto out;
		/* The seed comes from the task's id: here of the same one. */
		plan_pet_from_request(task_input(&t, reply->task_id), LANG_EN, STR("task"), &pets[i]);
		plan_make(t.f.arena, &pets[i], &made[i]);
		if (!CHECK_OK(made[i].stopped_at == PLAN_STEP_DONE, &made[i].err)) goto out;
	}
	CHECK(contains(made[0].json, "\"name\":\"chicken") || contains(made[0].json, "\"name\":\"Chicken"));
	CHECK(!contains(made[1].json, "\"name\":\"chicken") && !contains(made[1].json, "\"name\":\"Chicken"));
	CHECK(contains(made[1].json, "\"allergens\":[\"chicken\"]"));
	CHECK(str_equal(made[1].json, made[2].json));
out:
	close_test(&t);
}

/* Through the engine: the plan's row carries the pet, the draft counts as a plan once it is confirmed, and what is changed of the pet
 * while the task waits does not change its plan. */
static void test_plan_row(void)
{
	struct pet_test t = { 0 };
	open_test(&t);
	struct watch *watch = calloc(1, sizeof *watch);
	const char *id = create(&t, whole_pet)->id;
	Petfood__V1__StreamOpen *open =
	    ask(&t, PLAN "CreatePlanStream", str_printf(t.f.arena, "{\"pet_id\":\"%s\"}", id).ptr);
	if (!CHECK_OK(open != NULL, &t.err)) goto out;
	CHECK(update(&t, id, "{\"age\":60,\"allergens\":[]}"));
	fixture_start(&t.f, watch);
	CHECK(fixture_wait_terminal(&t.f, str_from(open->task_id)));
	struct str plan_id = fixture_task(&t.f, str_from(open->task_id)).plan_id;
	Petfood__V1__Plan *plan =
	    ask(&t, PLAN "GetPlan", str_printf(t.f.arena, "{\"id\":\"" STR_FMT "\"}", STR_ARG(plan_id)).ptr);
	if (CHECK_OK(plan != NULL, &t.err)) {
		CHECK_STR(str_from(petfood_v1_plan_pet_id_or(plan, "")), id);
		CHECK(plan->pet_age == 48 && plan->pet_weight == 12.5 &&
		      plan->pet_type == PETFOOD__V1__PET_TYPE__PET_TYPE_DOG);
		struct str data = { (const char *)plan->plan_data.data, plan->plan_data.len };
		CHECK(contains(data, "\"allergens\":[\"chicken\",\"a\\\"b\"],\"health_issues\":[\"arthritis\"]"));
		CHECK(contains(data, "\"special_requirements\":\"no onion\""));
	}
	CHECK(get(&t, id) && !get(&t, id)->has_plan);
	CHECK(ask(&t, PLAN "ConfirmPlan", str_printf(t.f.arena, "{\"id\":\"" STR_FMT "\"}", STR_ARG(plan_id)).ptr));
	CHECK(get(&t, id) && get(&t, id)->has_plan);
	Petfood__V1__Pet *now = update(&t, id, "{\"name\":\"Rex\"}");
	CHECK(now && now->has_plan);
	CHECK(delete (&t, id));
	Petfood__V1__ListPlansReply *plans = ask(&t, PLAN "ListPlans", "{}");
	CHECK(plans && plans->total == 1 && strcmp(petfood_v1_plan_summary_pet_id_or(plans->items[0], ""), id) == 0);
	fixture_stop(watch);
out:
	free(watch);
	close_test(&t);
}

int main(void)
{
	test_create();
	test_list();
	test_update();
	test_no_such_pet();
	test_unreadable_lists();
	test_k05_pets();
	test_overtaken_update();
	test_uncertain_writes();
	test_plan_request();
	test_plan_without_pet();
	test_plan_with_too_many_allergens();
	test_k05_plan_of_deleted_pet();
	test_planner_minds_the_stored_pet();
	test_plan_row();
	return check_done("pet_test");
}
