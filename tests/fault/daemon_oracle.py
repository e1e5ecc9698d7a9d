"""What must hold after a schedule, whatever was done to the daemon: read from its database with SQL, and compared with every reader."""
import hashlib
import json
import sqlite3

LOST_LEASES_MAX = 3  # DESIGN 5
TERMINAL = {"completed": "task_completed", "failed": "error", "cancelled": "error"}


def read_only(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


class Oracle:
    """violations: a list that grows. leases_at_stake: how many leases of one task the faults may have cost at most."""

    def __init__(self, path, works, leases_at_stake, violations):
        self.works, self.leases_at_stake, self.violations = works, leases_at_stake, violations
        self.events = 0
        self.outcomes = {}
        with read_only(path) as db:
            self.check_file(db)
            for work in works:
                self.check_work(db, work)

    def must(self, holds, text):
        if not holds:
            self.violations.append(text)

    def check_file(self, db):
        self.must([r[0] for r in db.execute("pragma integrity_check")] == ["ok"], "the file is damaged")
        self.must(not db.execute("pragma foreign_key_check").fetchall(), "a row refers to nothing")
        stored = {r["id"] for r in db.execute("select id from tasks")}
        wanted = [w.task for w in self.works]
        self.must(None not in wanted, "a create was never acknowledged")
        self.must(len(set(wanted)) == len(wanted), "two keys got one task")
        self.must(stored == set(wanted) - {None}, f"tasks stored, not acknowledged: {stored - set(wanted)}; the other way: {set(wanted) - stored}")
        orphans = db.execute("select count(*) from task_events where task_id not in (select id from tasks)").fetchone()[0]
        self.must(orphans == 0, f"{orphans} events of no task")

    def check_work(self, db, work):
        row = db.execute("select * from tasks where id = ?", (work.task,)).fetchone()
        if row is None:
            return  # said above
        name = f"{work.task} ({row['task_type']}, {row['status']}, attempt {row['attempt']})"
        log = db.execute("select number, data, terminal from task_events where task_id = ? order by number", (work.task,)).fetchall()
        self.events += len(log)
        self.outcomes[row["status"]] = self.outcomes.get(row["status"], 0) + 1
        self.check_log(name, row, log)
        self.check_end(name, row, work)
        self.check_plan(db, name, row)
        self.check_steps(name, row, [json.loads(e["data"]) for e in log], work)
        self.check_readers(name, log, work)

    def check_log(self, name, row, log):
        numbers = [e["number"] for e in log]
        self.must(numbers == list(range(1, len(log) + 1)), f"{name}: the log is {numbers}")
        self.must(row["last_event"] == len(log), f"{name}: last_event is {row['last_event']}, the log has {len(log)}")
        ends = [e["number"] for e in log if e["terminal"]]
        self.must(ends == [len(log)], f"{name}: terminal events {ends} of {len(log)}")
        data = [json.loads(e["data"]) for e in log]
        shown = [d["progress"] for d in data if "progress" in d]
        self.must(shown == sorted(shown), f"{name}: progress falls: {shown}")
        if log:
            self.must(data[0]["type"] == "task_created", f"{name}: begins with {data[0]}")
            self.must(data[-1]["type"] == TERMINAL.get(row["status"]), f"{name}: ends with {data[-1]['type']}")

    def check_end(self, name, row, work):
        self.must(row["status"] in TERMINAL, f"{name}: not over")
        self.must(row["lease_until"] is None and row["worker"] is None, f"{name}: over, and still leased")
        if work.cancel_acknowledged:
            self.must(row["status"] == "cancelled", f"{name}: its cancel was acknowledged")
        if row["status"] == "cancelled":
            self.must(work.cancel_sent, f"{name}: nobody cancelled it")
        if row["status"] == "failed":
            self.must(row["error_reason"] == "TASK_ABANDONED" and row["lost_leases"] == LOST_LEASES_MAX,
                      f"{name}: failed with {row['error_reason']} after {row['lost_leases']} lost leases")
        else:
            self.must(row["lost_leases"] < LOST_LEASES_MAX, f"{name}: {row['lost_leases']} lost leases")
        self.must(row["lost_leases"] <= self.leases_at_stake, f"{name}: {row['lost_leases']} lost leases by {self.leases_at_stake} faults")

    def check_plan(self, db, name, row):
        plans = db.execute("select id, confirmed from diet_plans where task_id = ?", (row["id"],)).fetchall()
        wanted = [row["plan_id"]] if row["status"] == "completed" and row["task_type"] == "diet_plan" else []
        self.must([p["id"] for p in plans] == wanted, f"{name}: plans {[p['id'] for p in plans]}, should be {wanted}")
        self.must(all(p["confirmed"] == row["keeps_plan"] for p in plans), f"{name}: draft and permanent are mixed up")
        self.must((row["output_data"] is not None) == (row["status"] == "completed"), f"{name}: output and status do not fit")

    def check_steps(self, name, row, data, work):
        """What was finished is not done again; a further attempt says so."""
        attempts = [d["detail"]["attempt"] for d in data if d["type"] == "info" and "attempt" in d.get("detail", {})]
        self.must(attempts == sorted(set(attempts)), f"{name}: attempts {attempts}")
        if work.is_plan:
            done = [(d["type"], d.get("node")) for d in data
                    if d["type"] in ("week_completed", "structured", "completed") or (d["type"] == "task_completed" and "plan_id" not in d)]
            self.must(len(done) == len(set(done)), f"{name}: done twice: {done}")
            if row["status"] == "completed":
                self.must(sum(kind == "week_completed" for kind, _ in done) == 4, f"{name}: not four weeks: {done}")
            return
        indexes = [d["detail"]["bench"]["index"] for d in data
                   if "bench" in d.get("detail", {}) and "attempt" not in d["detail"]]
        self.must(indexes == list(range(1, len(indexes) + 1)), f"{name}: its events are {indexes}")
        if row["status"] == "completed":
            self.must(len(indexes) == work.body["events"], f"{name}: {len(indexes)} of {work.body['events']} events")

    def check_readers(self, name, log, work):
        hashes = [(e["number"], hashlib.sha256(e["data"].encode()).hexdigest()) for e in log]
        for reading in work.readings:
            self.must(reading.numbered == hashes, f"{name}: a reader has {len(reading.numbered)} events, or other ones, the log {len(log)}")
        pages = [(e["number"], json.loads(e["data"])) for e in log]
        for got in work.pages:
            self.must(got == pages, f"{name}: polling gave other events than the log has")
