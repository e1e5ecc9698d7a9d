"""The command line against the local daemon's socket."""
import json
import subprocess
import unittest

import harness
from harness import PET, Daemon, Reader


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def test_health_list_describe_stats(self):
        self.assertEqual(json.loads(self.daemon.cli("health").stdout)["status"], "healthy")
        names = [m["name"] for m in json.loads(self.daemon.cli("list").stdout)["methods"]]
        self.assertIn("petfood.v1.PlanService/CreatePlanStream", names)
        described = json.loads(self.daemon.cli("describe", "CreatePlan").stdout)
        self.assertIn("pet_weight", [f["name"] for f in described["fields"]])
        self.assertTrue(json.loads(self.daemon.cli("stats").stdout)["stats"])
        self.assertIn("petfood.v1.TaskService/GetTask", self.daemon.cli("list", json_out=False).stdout)

    def test_call(self):
        answer = json.loads(self.daemon.cli("call", "ListTasks", '{"page_size": 5}').stdout)
        self.assertEqual(answer["page_size"], 5)
        unknown = self.daemon.cli("call", "ListTasks", '{"pagesize": 5}', check=False)
        self.assertEqual(unknown.returncode, 1)
        self.assertEqual(json.loads(unknown.stdout)["violations"][0]["field"], "pagesize")
        for arguments, code in ((("call", "GetTask", '{"id":"nope"}'), 1), (("call", "Nonsense"), 2), (("nonsense",), 2), (("call",), 2),
                                (("--strange", "list"), 2)):
            self.assertEqual(self.daemon.cli(*arguments, check=False).returncode, code, arguments)

    def test_direct_callers_are_checked_like_http_ones(self):
        bad = self.daemon.cli("call", "CreatePlan", '{"pet_weight": -1}', check=False)
        self.assertEqual((bad.returncode, json.loads(bad.stdout)["violations"][0]["field"]), (1, "pet_weight"))

    def test_plan_watch_verify(self):
        made = self.daemon.cli("--user", "cliff", "plan", "-", input=json.dumps(PET))
        plan = json.loads(made.stdout)
        self.assertEqual(len(plan["pet_diet_plan"]["monthly_diet_plan"]), 4)
        task = json.loads(self.daemon.cli("--user", "cliff", "tasks").stdout)["items"][0]
        self.assertEqual(task["status"], "completed")
        watched = [json.loads(line) for line in self.daemon.cli("--user", "cliff", "watch", task["id"]).stdout.splitlines()]
        self.assertEqual([e["id"] for e in watched], list(range(1, len(watched) + 1)))
        self.assertEqual(watched[-1]["data"]["type"], "task_completed")
        path = self.daemon.dir / "plan.json"
        path.write_text(made.stdout)
        self.assertTrue(json.loads(self.daemon.cli("verify", str(path)).stdout)["safe"])
        item = plan["pet_diet_plan"]["monthly_diet_plan"][0]["weekly_diet_plan"]["daily_diet_plans"][0]["food_items"][0]
        item["weight"] *= 3
        path.write_text(json.dumps(plan))
        unsafe = self.daemon.cli("verify", str(path), check=False)
        self.assertEqual((unsafe.returncode, json.loads(unsafe.stdout)["safe"]), (4, False))
        path.write_text("{")
        unreadable = self.daemon.cli("verify", str(path), check=False, json_out=False)
        self.assertEqual(unreadable.returncode, 4)
        self.assertIn("line 1", unreadable.stderr)
        self.assertNotIn("{why}", unreadable.stderr)
        self.assertEqual(self.daemon.cli("verify", "/nonexistent", check=False).returncode, 5)
        tables = self.daemon.cli("--user", "cliff", "plan", "-", input=json.dumps(PET), json_out=False).stdout
        self.assertIn("independent check: every minimum met", tables)
        self.assertNotEqual(self.daemon.cli("--user", "eve", "watch", task["id"], check=False).returncode, 0)

    def test_cancel(self):
        with Daemon(PLANNER_PACE_MS=2000) as daemon:
            task = daemon.post("/api/v1/plans/", PET, user="local").data["task_id"]
            self.assertEqual(json.loads(daemon.cli("cancel", task).stdout)["status"], "cancelled")
            self.assertEqual(daemon.cli("watch", task, check=False).returncode, 1)

    def test_watch_survives_a_restart(self):
        with Daemon(PLANNER_PACE_MS=150) as daemon:
            reader = Reader(daemon, user="local")
            reader.read(PET, until=lambda e: e.number == 1)
            command = subprocess.Popen([str(harness.BUILD / "petfood"), "--env-file=/dev/null", f"--data-dir={daemon.dir / 'data'}", "--json", "watch", reader.task],
                                       stdout=subprocess.PIPE, text=True)
            first = [command.stdout.readline() for _ in range(5)]
            daemon.kill()
            daemon.start()
            lines = [json.loads(line) for line in first + command.stdout.readlines()]
            self.assertEqual(command.wait(), 0)
            command.stdout.close()
            self.assertEqual([e["id"] for e in lines], list(range(1, len(lines) + 1)))

    def test_no_daemon(self):
        daemon = Daemon()
        done = daemon.cli("health", check=False)
        self.assertEqual(done.returncode, 3)
        daemon.dir.rmdir()

    def test_help_and_completion(self):
        self.assertRegex(self.daemon.cli("--version", json_out=False).stdout, r"^petfood \d+\.\d+\.\d+$")
        help_text = self.daemon.cli("--help", json_out=False).stdout
        for command in ("call", "list", "describe", "health", "stats", "token", "plan", "watch", "tasks", "cancel", "verify"):
            self.assertIn(command, help_text)
            self.assertIn("petfood " + command, self.daemon.cli(command, "--help", json_out=False).stdout)
        script = self.daemon.cli("completion", json_out=False).stdout
        done = subprocess.run(["bash", "-c", script + '\nCOMP_WORDS=(petfood ver) COMP_CWORD=1; _petfood; echo "${COMPREPLY[@]}"'],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "verify")


if __name__ == "__main__":
    unittest.main()
