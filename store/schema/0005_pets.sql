-- Stored pets. The columns are those that an existing database has; its weight column, numeric(5,2), becomes {number} as in a fresh one.
create table pets (
	id varchar(36) primary key,
	user_id varchar(36) not null references users(id),
	name varchar(50) not null,
	type varchar(20) not null,
	breed varchar(100),
	age integer not null,
	weight {number} not null,
	gender varchar(10),
	avatar_url varchar(500),
	health_status text,
	special_requirements text,
	allergens {json},
	health_issues {json},
	is_active boolean not null default true,
	created_at {time} not null,
	updated_at {time} not null
);
create index pets_of_user on pets(user_id, is_active, created_at, id);
-- Whether a pet has a plan.
create index diet_plans_of_pet on diet_plans(pet_id, user_id) where confirmed;
