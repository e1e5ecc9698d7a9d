"""petfood user: operators and the accounts in the store, beside the running daemon and without one."""
import json
import subprocess
import unittest

from harness import Daemon, wait_until


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


class Users(unittest.TestCase):
    def test_list(self):
        with Daemon() as daemon:
            ids = {name: daemon.user_id(name) for name in ("ann", "Bob", "王小明")}
            self.assertEqual([u["username"] for u in lines(daemon.cli("user", "list"))], ["王小明", "Bob", "ann"])
            found, = lines(daemon.cli("user", "list", "bO"))
            self.assertEqual(found["id"], ids["Bob"])
            self.assertEqual((found["email"], found["is_active"], found["is_superuser"]), (None, True, False))
            self.assertRegex(found["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertEqual(lines(daemon.cli("user", "list", "nobody")), [])
            text = daemon.cli("user", "list", json_out=False).stdout.splitlines()
            self.assertEqual(len(text), 3)
            self.assertRegex(text[2], r"^ann {17} - +active +- +\d{4}-\d\d-\d\d " + ids["ann"] + "$")

    def test_disable_and_enable(self):
        with Daemon() as daemon:
            token = daemon.token("ann")
            self.assertEqual(daemon.get("/api/v1/tasks/", token=token).status, 200)
            disabled, = lines(daemon.cli("user", "disable", "ann"))
            self.assertEqual((disabled["username"], disabled["is_active"]), ("ann", False))
            wait_until("a disabled user's token is refused", lambda: daemon.get("/api/v1/tasks/", token=token).status == 401, 8)
            refused = daemon.cli("token", "--user", "ann", check=False)
            self.assertEqual((refused.returncode, json.loads(refused.stdout)["reason"]), (1, "USER_DISABLED"))
            self.assertEqual(daemon.get("/api/v1/tasks/", user="bob").status, 200)
            enabled, = lines(daemon.cli("user", "enable", disabled["id"]))
            self.assertTrue(enabled["is_active"])
            wait_until("an enabled user's token is taken", lambda: daemon.get("/api/v1/tasks/", token=token).status == 200, 8)

    def test_promote_without_a_daemon(self):
        with Daemon() as daemon:
            daemon.user_id("ann")
            daemon.stop()
            self.assertTrue(lines(daemon.cli("user", "promote", "ann"))[0]["is_superuser"])
            self.assertTrue(lines(daemon.cli("user", "list"))[0]["is_superuser"])
            self.assertEqual(daemon.cli("user", "demote", "ann", json_out=False).stdout, "ann is no superuser\n")
            self.assertFalse(lines(daemon.cli("user", "list"))[0]["is_superuser"])

    def test_refusals(self):
        with Daemon() as daemon:
            daemon.user_id("ann")
            for arguments, code, reason in ((["disable", "nobody"], 1, "USER_NOT_FOUND"), (["enable", "no@example.com"], 1, "USER_NOT_FOUND"),
                                            (["disable"], 2, "USAGE"), (["remove", "ann"], 2, "USAGE"), (["", "ann"], 2, "USAGE")):
                with self.subTest(arguments):
                    done = daemon.cli("user", *arguments, check=False)
                    self.assertEqual((done.returncode, json.loads(done.stdout)["reason"]), (code, reason))
            self.assertEqual(daemon.cli("user", check=False).returncode, 2)
            nowhere = daemon.cli("user", "list", "--data-dir", "/nonexistent/petfood", check=False)
            self.assertEqual((nowhere.returncode, json.loads(nowhere.stdout)["reason"]), (3, "DATA_DIR"))

    def test_help_and_completion(self):
        with Daemon() as daemon:
            self.assertIn("petfood user disable ann", daemon.cli("user", "--help", json_out=False).stdout)
            script = daemon.cli("completion", json_out=False).stdout
        done = subprocess.run(["bash", "-c", script + '\nCOMP_WORDS=(petfood user dis) COMP_CWORD=2; _petfood; echo "${COMPREPLY[@]}"'],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "disable")


if __name__ == "__main__":
    unittest.main()
