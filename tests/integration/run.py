#!/usr/bin/python3
"""Runs the integration tests against a build: run.py --build build/release [--short] [NAME…]"""
import argparse
import importlib
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness  # noqa: E402


class Timed(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.stream.writeln(f"        {time.monotonic() - self.began:.1f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(harness.BUILD))
    parser.add_argument("--short", action="store_true", help="fewer rounds, for sanitizer builds")
    parser.add_argument("names", nargs="*", help="files or tests: test_plan, test_auth.Tokens.test_none")
    arguments = parser.parse_args()
    harness.BUILD = pathlib.Path(arguments.build).resolve()
    harness.SHORT = arguments.short
    names = arguments.names or sorted(p.stem for p in HERE.glob("test_*.py"))
    for name in names:
        importlib.import_module(name.split(".")[0])
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(verbosity=2, resultclass=Timed, stream=sys.stdout).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 1 if bad or not result.testsRun else 0


sys.exit(main())
