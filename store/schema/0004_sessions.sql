-- Sessions, and addresses that are one whatever their case. The table refresh_tokens of an existing database stays as it is: its
-- tokens are not ours, so that whoever holds one signs in again.
create table sessions (
	id varchar(36) primary key,
	-- null: the account was deleted; the row tells other processes until it is swept
	user_id varchar(36) references users(id),
	generation bigint not null,
	token_hash {bytes} not null,
	created_at {time} not null,
	rotated_at {time} not null,
	last_used_at {time} not null,
	expires_at {time} not null,
	revoked_at {time},
	revoked_reason varchar(30),
	user_agent varchar(200),
	client_address varchar(64)
);
create index sessions_of_user on sessions(user_id, last_used_at);
create index sessions_revoked on sessions(revoked_at) where revoked_at is not null;
create index sessions_expiry on sessions(expires_at);

create unique index users_email_any_case on users(lower(email));
create index users_newest on users(created_at, id);
