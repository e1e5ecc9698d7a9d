"""Cancel, limits, crash: what happens to work that is under way."""
import threading
import unittest

from harness import PET, SHORT, Daemon, Reader, wait_until


class Cancel(unittest.TestCase):
    def test_K04_cancel_of_a_running_plan_is_final(self):
        with Daemon(PLANNER_PACE_MS=300) as daemon:
            reader = Reader(daemon)
            reader.read(PET, until=lambda e: e.type == "task_executing")
            answer = daemon.delete(f"/api/v1/tasks/{reader.task}")
            self.assertEqual((answer.data, answer.json["message"]), ({"task_id": reader.task, "status": "cancelled"}, "任务已取消"))
            reader.read_to_end()
            reader.check_dense()
            last = reader.numbered[-1]
            self.assertEqual((last.type, last.data["error"], last.data["task_id"]), ("error", "任务已取消", reader.task))
            task = daemon.get(f"/api/v1/tasks/{reader.task}").data
            self.assertEqual(task["status"], "cancelled")
            again = daemon.delete(f"/api/v1/tasks/{reader.task}")
            self.assertEqual(again.status, 409)
            self.assertIn("无法取消", again.json["message"])
            self.assertEqual(daemon.delete("/api/v1/tasks/nope").status, 404)
            # Another plan runs at once: the place is free, and the cancelled one writes nothing more.
            Reader(daemon).read_to_end({"pet_weight": 9})
            self.assertEqual(daemon.get(f"/api/v1/tasks/{reader.task}").data["last_event"], last.number)
            ended = daemon.stream(task=reader.task).all()
            self.assertEqual([e.type for e in ended], ["error", "done"])

    def test_K04_cancel_of_a_pending_task(self):
        with Daemon(PLANNER_PACE_MS=2000, TASK_MAX_CONCURRENT=1) as daemon:
            first = daemon.post("/api/v1/plans/", PET).data["task_id"]
            second = daemon.post("/api/v1/plans/", PET).data["task_id"]
            wait_until("the first to run", lambda: daemon.get(f"/api/v1/tasks/{first}").data["status"] == "running")
            self.assertEqual(daemon.get(f"/api/v1/tasks/{second}").data["status"], "pending")
            self.assertEqual(daemon.delete(f"/api/v1/tasks/{second}").status, 200)
            self.assertEqual(daemon.get(f"/api/v1/tasks/{second}").data["status"], "cancelled")
            self.assertEqual(daemon.delete(f"/api/v1/tasks/{first}").status, 200)

    def test_leaving_is_not_cancelling(self):
        with Daemon(PLANNER_PACE_MS=30) as daemon:
            reader = Reader(daemon)
            reader.read(PET, until=lambda e: e.number == 2)
            wait_until("the plan", lambda: daemon.get(f"/api/v1/tasks/{reader.task}").data["status"] == "completed")

    def test_K06_user_limit_holds_under_100_parallel_submits(self):
        with Daemon(PLANNER_PACE_MS=5000, TASK_MAX_PER_USER=7) as daemon:
            daemon.token()
            answers, start = [], threading.Barrier(100)

            def submit():
                start.wait()
                answers.append(daemon.post("/api/v1/plans/", PET))

            threads = [threading.Thread(target=submit) for _ in range(100)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(sorted(a.status for a in answers), [200] * 7 + [429] * 93)
            made = {a.data["task_id"] for a in answers if a.status == 200}
            listed = daemon.get("/api/v1/tasks/").data
            self.assertEqual((listed["total"], {t["id"] for t in listed["items"]}), (7, made))
            # One ends, and there is room for one.
            self.assertEqual(daemon.delete(f"/api/v1/tasks/{made.pop()}").status, 200)
            self.assertEqual([daemon.post("/api/v1/plans/", PET).status for _ in range(2)], [200, 429])


class Crash(unittest.TestCase):
    """SIGKILL at each named point; the task ends in attempt 2, finished steps are not run again, and the reader sees 1..n once."""

    STEPS = ["assess", "research_energy", "research_foods", "research_themes", "research_finalizing", "dispatching", "week_1", "week_2",
             "week_3", "week_4", "gather"]

    def crash_at(self, point):
        """SIGKILL at a named point, restart, read on."""
        with Daemon(PETFOOD_PAUSE_AT=point) as daemon:
            reader = Reader(daemon)
            thread = threading.Thread(target=reader.read, args=(PET,))
            thread.start()
            wait_until(f"the pause at {point}", lambda: f"point={point}" in daemon.log())
            daemon.kill()
            thread.join()
            daemon.start(PETFOOD_PAUSE_AT="")
            reader.read_to_end(PET)
            reader.check_dense()
            kinds = [e.type for e in reader.numbered]
            self.assertEqual(kinds[-1], "task_completed", point)
            self.assertEqual(daemon.get(f"/api/v1/tasks/{reader.task}").data["attempt"], 2, point)
            self.assertTrue(any(e.type == "info" and e.data.get("detail", {}).get("attempt") == 2 for e in reader.numbered), kinds)
            progress = [e.data["progress"] for e in reader.numbered if "progress" in e.data]
            self.assertEqual(progress, sorted(progress), point)
            whole = daemon.get(f"/api/v1/tasks/{reader.task}/events?limit=1000").data["events"]
            self.assertEqual([e["data"] for e in whole], [e.data for e in reader.numbered], point)
            self.assertEqual(daemon.get("/api/v1/tasks/").data["total"], 1)
            # What was finished before the crash is not done again.
            done = [e for e in reader.numbered if e.type in ("week_completed", "structured") or (e.type == "task_completed" and "plan_id" not in e.data)]
            names = [(e.type, e.data["node"]) for e in done]
            self.assertEqual(len(names), len(set(names)), f"{point}: {names}")

    def test_K10_kill_after_each_step(self):
        for step in self.STEPS[::3] if SHORT else self.STEPS:
            with self.subTest(step):
                self.crash_at(f"after:{step}")

    def test_kill_before_and_after_commits(self):
        for point in ["before_commit:week_2"] if SHORT else [f"before_commit:{s}" for s in self.STEPS[::2]] + ["committed:week_3", "start:gather", "before_commit:complete"]:
            with self.subTest(point):
                self.crash_at(point)

    def test_K08_three_crashes_end_the_task_and_others_go_on(self):
        with Daemon(PETFOOD_PAUSE_AT="after:assess", TASK_MAX_CONCURRENT=1) as daemon:
            reader = Reader(daemon)
            reader.read(PET, until=lambda e: e.number == 1)
            behind = None
            for attempt in range(3):
                wait_until(f"the pause of attempt {attempt + 1}", lambda: daemon.log().count("pause.reached") == attempt + 1)
                behind = behind or daemon.post("/api/v1/plans/", PET, user="bob").data["task_id"]
                daemon.kill()
                daemon.start(PETFOOD_PAUSE_AT="claimed:again" if attempt < 2 else "")
            reader.read_to_end()
            reader.check_dense()
            self.assertEqual(reader.numbered[-1].type, "error")
            self.assertEqual(daemon.get(f"/api/v1/tasks/{reader.task}").data["status"], "failed")
            wait_until("the plan behind it", lambda: daemon.get(f"/api/v1/tasks/{behind}", user="bob").data["status"] == "completed")

    def test_stop_gives_the_task_back(self):
        with Daemon(PLANNER_PACE_MS=100) as daemon:
            reader = Reader(daemon)
            reader.read(PET, until=lambda e: e.type == "dispatching")
            self.assertEqual(daemon.stop(), 0)
            daemon.start()
            reader.read_to_end()
            reader.check_dense()
            self.assertEqual(reader.numbered[-1].type, "task_completed")

    def test_kill_between_any_two_moments(self):
        """The daemon dies at whatever it is doing when the reader has seen the n-th event."""
        with Daemon(PLANNER_PACE_MS=20) as daemon:
            for number in (2, 9, 20) if SHORT else (1, 2, 4, 7, 9, 12, 15, 18, 21, 24, 26):
                reader = Reader(daemon)
                reader.read(dict(PET, pet_weight=5 + number), until=lambda e: e.number == number)
                daemon.kill()
                daemon.start()
                reader.read_to_end()
                reader.check_dense()
                self.assertEqual(reader.numbered[-1].type, "task_completed", number)


if __name__ == "__main__":
    unittest.main()
