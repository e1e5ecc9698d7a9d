-- Mail that waits to be sent, and for a while what became of it. The body is sealed, and gone once the mail has ended; no address
-- stands beside it. No reference to users: some of them have no account yet.
create table mail_queue (
	id varchar(36) primary key,
	reference varchar(200) not null,
	body {bytes},
	status varchar(20) not null default 'pending',
	reason varchar(50),
	attempt integer not null default 0,
	leased boolean not null default false,
	next_at {time} not null,
	expires_at {time} not null,
	created_at {time} not null,
	ended_at {time}
);
create index mail_queue_due on mail_queue(next_at) where status = 'pending';
create index mail_queue_ended on mail_queue(ended_at) where status <> 'pending';
