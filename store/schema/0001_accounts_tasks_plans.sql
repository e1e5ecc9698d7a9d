-- Accounts, tasks with their event log, and diet plans.
-- One text for both engines: words in braces become a type of the engine (embed.cmake). Columns up to the mark `own` keep the
-- names and types that an existing database has; those after it are added to an adopted one with the defaults given here.

create table users (
	id varchar(36) primary key,
	username varchar(50) not null unique,
	email varchar(100) unique,
	hashed_password varchar(255),
	nickname varchar(50),
	phone varchar(20),
	avatar_url varchar(500),
	is_pro boolean not null default false,
	plan_type varchar(20),
	subscription_expired_at {time},
	is_active boolean not null default true,
	is_superuser boolean not null default false,
	created_at {time} not null,
	updated_at {time} not null
);

create table refresh_tokens (
	id varchar(36) primary key,
	user_id varchar(36) not null references users(id),
	token varchar(500) not null unique,
	is_revoked boolean not null default false,
	expires_at {time} not null,
	created_at {time} not null
);
create index refresh_tokens_user on refresh_tokens(user_id);

create table tasks (
	id varchar(36) primary key,
	user_id varchar(36) not null references users(id),
	task_type varchar(50) not null,
	status varchar(20) not null,
	progress integer not null default 0,
	current_node varchar(100),
	input_data {json},
	output_data {json},
	error_message text,
	started_at {time},
	completed_at {time},
	created_at {time} not null,
	updated_at {time} not null,
	-- own
	input {bytes},
	lang varchar(2) not null default 'zh',
	keeps_plan boolean not null default false,
	error_reason varchar(50),
	plan_id varchar(36),
	request_id varchar(255),
	attempt integer not null default 0,
	lost_leases integer not null default 0,
	last_event bigint not null default 0,
	worker varchar(200),
	lease_until {time},
	swept_at {time}
);
create index tasks_of_user on tasks(user_id, created_at, id);
-- The queue is small however many tasks have ended.
create index tasks_open on tasks(user_id, status) where status in ('pending', 'running');
create index tasks_unswept on tasks(completed_at) where swept_at is null;

create table task_events (
	task_id varchar(36) not null references tasks(id) on delete cascade,
	number bigint not null,
	data text not null,
	terminal boolean not null,
	at {time} not null,
	primary key (task_id, number)
);
-- G3, said to the engine as well: a log has one end.
create unique index task_events_end on task_events(task_id) where terminal;

create table task_checkpoints (
	task_id varchar(36) not null references tasks(id) on delete cascade,
	step varchar(100) not null,
	data {bytes} not null,
	after_event bigint not null,
	primary key (task_id, step)
);

-- No reference to users: a service identity has keys too.
create table idempotency_keys (
	user_id varchar(36) not null,
	method varchar(100) not null,
	key varchar(255) not null,
	request_hash {bytes} not null,
	reply {bytes} not null,
	created_at {time} not null,
	primary key (user_id, method, key)
);
create index idempotency_keys_age on idempotency_keys(created_at);

create table diet_plans (
	id varchar(36) primary key,
	user_id varchar(36) not null references users(id),
	task_id varchar(36) references tasks(id),
	pet_id varchar(36),
	pet_type varchar(50) not null,
	pet_breed varchar(100),
	pet_age integer not null,
	pet_weight {number} not null,
	health_status text,
	plan_data {json} not null,
	is_active boolean not null default false,
	applied_at {time},
	active_start_date date,
	created_at {time} not null,
	updated_at {time} not null,
	-- own
	confirmed boolean not null default true
);
create index diet_plans_of_user on diet_plans(user_id, created_at, id) where confirmed;
create index diet_plans_of_task on diet_plans(task_id);
create index diet_plans_drafts on diet_plans(created_at) where not confirmed;
