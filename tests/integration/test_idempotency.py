"""K05: the same Idempotency-Key acts once, over HTTP and from the command line, on every method that takes one."""
import contextlib
import json
import sqlite3
import threading
import unittest

from harness import PET, Daemon, Reader, new_key, wait_until


def at_once(calls):
    """The results of all of them, begun together."""
    results, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def run(i):
        barrier.wait()
        results[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(PETFOOD_BENCH=1).__enter__()
        cls.daemon.token()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def draft(self):
        reader = Reader(self.daemon).read_to_end(PET)
        return reader.numbered[-1].data["plan_id"]

    def open_task(self):
        """One that runs until it is cancelled."""
        reader = Reader(self.daemon)
        reader.read({"events": 1000, "interval_ms": 60000}, until=lambda e: e.number == 1)
        return reader.task

    def listed(self, plan):
        return [p["id"] for p in self.daemon.get("/api/v1/plans/?page_size=100").data["items"]].count(plan)

    def call(self, verb, path, key=None, body=None):
        return self.daemon.request(verb, path, body, headers={"Idempotency-Key": key} if key else None)

    def check_repeats(self, verb, path, key, first):
        for _ in range(2):
            again = self.call(verb, path, key)
            self.assertEqual((again.status, again.body), (first.status, first.body))
        mismatch = self.call(verb, path.replace("/plans/", "/plans/x").replace("/tasks/", "/tasks/x"), key)
        self.assertEqual((mismatch.status, mismatch.json["message"]), (422, "同一幂等键不能用于不同的请求"))

    def test_K05_confirm_and_delete(self):
        plan, key = self.draft(), new_key()
        confirm = f"/api/v1/plans/{plan}/confirm"
        first = self.call("POST", confirm, key)
        self.assertEqual((first.data, self.listed(plan)), ({"plan_id": plan}, 1))
        self.check_repeats("POST", confirm, key, first)
        gone = self.call("DELETE", f"/api/v1/plans/{plan}", key)  # another method: the key is free there
        self.assertEqual((gone.data, self.listed(plan)), ({"plan_id": plan}, 0))
        self.check_repeats("DELETE", f"/api/v1/plans/{plan}", key, gone)
        # The plan is gone, and whoever repeats the confirm gets its answer all the same, without bringing the plan back.
        self.check_repeats("POST", confirm, key, first)
        self.assertEqual(self.listed(plan), 0)
        for other in (None, new_key()):
            self.assertEqual(self.call("DELETE", f"/api/v1/plans/{plan}", other).status, 404)
            self.assertEqual(self.call("POST", confirm, other).status, 404)

    def test_K05_cancel(self):
        task, key = self.open_task(), new_key()
        path = f"/api/v1/tasks/{task}"
        first = self.call("DELETE", path, key)
        self.assertEqual(first.data, {"task_id": task, "status": "cancelled"})
        last = self.daemon.get(path).data["last_event"]
        self.check_repeats("DELETE", path, key, first)
        self.assertEqual(self.daemon.get(path).data["last_event"], last)
        for other in (None, new_key()):
            self.assertEqual(self.call("DELETE", path, other).status, 409)

    def test_K05_create_whose_task_has_ended(self):
        key, body = new_key(), dict(PET, pet_weight=11)
        first = self.call("POST", "/api/v1/plans/", key, body)
        task = first.data["task_id"]
        wait_until("the plan", lambda: self.daemon.get(f"/api/v1/tasks/{task}").data["status"] == "completed")
        again = self.call("POST", "/api/v1/plans/", key, body)
        self.assertEqual((again.status, again.body), (first.status, first.body))

    def test_K05_refusal_spends_no_key(self):
        plan, key = self.draft(), new_key()
        self.assertEqual(self.call("DELETE", "/api/v1/plans/nope", key).status, 404)
        self.assertEqual(self.call("POST", "/api/v1/plans/nope/confirm", key).status, 404)
        self.assertEqual(self.call("DELETE", "/api/v1/tasks/nope", key).status, 404)
        self.assertEqual(self.call("POST", f"/api/v1/plans/{plan}/confirm", key).data, {"plan_id": plan})
        self.assertEqual(self.call("DELETE", f"/api/v1/plans/{plan}", key).data, {"plan_id": plan})
        self.assertEqual(self.call("DELETE", f"/api/v1/tasks/{self.open_task()}", key).status, 200)

    def test_K05_key_is_one_users(self):
        key = new_key()
        plan = self.draft()
        self.assertEqual(self.call("DELETE", f"/api/v1/plans/{plan}", key).status, 200)
        stranger = self.daemon.delete(f"/api/v1/plans/{plan}", user="eve", headers={"Idempotency-Key": key})
        self.assertEqual(stranger.status, 404)

    def test_K05_fifty_at_once(self):
        plan, task = self.draft(), self.open_task()
        writes = [("POST", f"/api/v1/plans/{plan}/confirm", None), ("DELETE", f"/api/v1/plans/{plan}", None),
                  ("DELETE", f"/api/v1/tasks/{task}", None), ("POST", "/api/v1/plans/", dict(PET, pet_weight=10))]
        before = self.daemon.get("/api/v1/tasks/").data["total"]
        for verb, path, body in writes:
            key = new_key()
            answers = at_once([lambda: self.call(verb, path, key, body)] * 50)
            self.assertEqual({(a.status, a.body) for a in answers}, {(200, answers[0].body)}, (verb, path))
        self.assertEqual(self.daemon.get("/api/v1/tasks/").data["total"], before + 1)
        self.assertEqual(self.daemon.get(f"/api/v1/plans/{plan}").status, 404)

    @contextlib.contextmanager
    def writer_held(self):
        """Nobody can write meanwhile: calls wait in the middle of their work."""
        holder = sqlite3.connect(self.daemon.dir / "data" / "petfood.db", isolation_level=None)
        try:
            holder.execute("begin immediate")
            yield
            holder.execute("rollback")
        finally:
            holder.close()

    def calls_in_flight(self):
        metrics = self.daemon.get("/metrics", user=None).body.decode()
        return int([line for line in metrics.splitlines() if line.startswith("petfood_http_calls ")][0].split()[1])

    def test_K05_in_flight_waits_and_replays(self):
        """No 409 for a call whose twin is under way: it waits for that one's end and gets the same answer."""
        plan, key = self.draft(), new_key()
        calls = [lambda: self.call("DELETE", f"/api/v1/plans/{plan}", key)] * 2
        answers = []
        with self.writer_held():
            both = threading.Thread(target=lambda: answers.extend(at_once(calls)))
            both.start()
            wait_until("two calls in flight", lambda: self.calls_in_flight() == 2)
            self.assertEqual(answers, [])
        both.join()
        self.assertEqual([(a.status, a.body) for a in answers], [(200, answers[0].body)] * 2)

    def test_K05_command_line(self):
        plan, key = self.draft(), new_key()
        request = json.dumps({"id": plan})

        def call(method, request, key=None):
            keyed = ["--idempotency-key", key] if key else []
            return self.daemon.cli("--user", "ann", *keyed, "call", method, request, check=False)

        for method, reply in (("ConfirmPlan", {"plan_id": plan}), ("DeletePlan", {"plan_id": plan})):
            for _ in range(2):
                done = call(method, request, key)
                self.assertEqual((done.returncode, json.loads(done.stdout)), (0, reply))
            mismatch = call(method, '{"id": "other"}', key)
            self.assertEqual((mismatch.returncode, json.loads(mismatch.stdout)["reason"]), (1, "IDEMPOTENCY_MISMATCH"))
        self.assertEqual(json.loads(call("DeletePlan", request).stdout)["reason"], "PLAN_NOT_FOUND")
        task = json.dumps({"id": self.open_task()})
        for _ in range(2):
            done = call("CancelTask", task, key)
            self.assertEqual((done.returncode, json.loads(done.stdout)["status"]), (0, "cancelled"))
        self.assertEqual(json.loads(call("CancelTask", task).stdout)["reason"], "TASK_FINISHED")

    def test_openapi_names_the_header(self):
        paths = self.daemon.get("/openapi.json", user=None).json["paths"]
        for path, verb in (("/api/v1/plans", "post"), ("/api/v1/plans/stream", "post"), ("/api/v1/plans/{id}/confirm", "post"),
                           ("/api/v1/plans/{id}", "delete"), ("/api/v1/tasks/{id}", "delete")):
            self.assertIn("Idempotency-Key", [p["name"] for p in paths[path][verb]["parameters"]], path)


class Restart(unittest.TestCase):
    def test_K05_keys_survive_a_kill(self):
        with Daemon(PLANNER_PACE_MS=2000) as daemon:
            keys = [{"Idempotency-Key": new_key()} for _ in range(2)]
            made = daemon.post("/api/v1/plans/", PET, headers=keys[0])
            path = f"/api/v1/tasks/{made.data['task_id']}"
            ended = daemon.delete(path, headers=keys[1])
            self.assertEqual(ended.status, 200)
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.post("/api/v1/plans/", PET, headers=keys[0]).data, made.data)
            self.assertEqual(daemon.delete(path, headers=keys[1]).body, ended.body)
            self.assertEqual(daemon.delete(path).status, 409)
            self.assertEqual(daemon.get("/api/v1/tasks/").data["total"], 1)


if __name__ == "__main__":
    unittest.main()
