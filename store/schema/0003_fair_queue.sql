-- When a user's work was last begun: the claim goes by it, among users with as many running tasks.
create index tasks_begun on tasks(user_id, started_at);
