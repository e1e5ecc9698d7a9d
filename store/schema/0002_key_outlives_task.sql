-- The task that a key has made: the key is kept until its log goes. No reference to tasks: the key is inserted first.
alter table idempotency_keys add column task_id varchar(36);
