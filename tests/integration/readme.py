#!/usr/bin/python3
"""README is true: runs its command blocks in order, as one person in one shell would, and compares its table of settings with the
code's. readme.py --build DIR [--write] (--write puts the table in).

The daemon's port and data directory are this test's own: 8000 is replaced in the text. tools/test cannot run inside itself: there its --help must
know what README says; tools/run runs with --build-only for the time of building, then for real in the background.
"""
import argparse
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402

MARKS = ("<!-- settings: petfoodd --config-table -->\n", "<!-- /settings -->")


def table(build):
    return subprocess.run([str(build / "petfoodd"), "--config-table"], capture_output=True, text=True, check=True).stdout


def check_settings(text, build, write):
    before, rest = text.split(MARKS[0])
    inside, after = rest.split(MARKS[1])
    want = table(build)
    if write:
        (harness.ROOT / "README.md").write_text(before + MARKS[0] + want + MARKS[1] + after)
        return True
    if inside != want:
        print("FAILED README's table of settings is not what petfoodd --config-table prints (mend: tests/integration/readme.py --write)")
    return inside == want


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(harness.BUILD))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    build = pathlib.Path(arguments.build).resolve()
    text = (harness.ROOT / "README.md").read_text()
    passed = failed = 0
    if check_settings(text, build, arguments.write):
        passed += 1
    else:
        failed += 1
    if arguments.write:
        return 0
    port = str(free_port())
    blocks = re.findall(r"^```sh( background)?\n(.*?)^```$", text, re.S | re.M)
    assert len(blocks) >= 8, "README lost its commands"
    script = ["set -euo pipefail"]
    for number, (background, body) in enumerate(blocks):
        body = body.replace("8000", port)
        body = re.sub(r"^tools/test\b.*$", "tools/test --help | grep -- --fast >/dev/null", body, flags=re.M)
        # Every command of the block must succeed, also inside a pipe; the marker tells which block it was.
        script.append(f"echo '== block {number}'")
        if background:
            script.append(f"{{ {body.strip()} --api-port={port}; }} >$PETFOOD_DATA_DIR.out 2>$PETFOOD_DATA_DIR.log & daemon=$!")
            script.append("trap 'kill $daemon 2>/dev/null; wait $daemon || true' EXIT")
            script.append("until grep -q http:// $PETFOOD_DATA_DIR.out; do kill -0 $daemon; sleep 0.2; done")
        else:
            script.append(body)
    with tempfile.TemporaryDirectory(prefix="petfood-readme-") as data:
        done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=harness.ROOT, text=True, capture_output=True, timeout=900,
                              env={**__import__("os").environ, "PETFOOD_DATA_DIR": data + "/data", "RATE_LIMIT_ENABLED": "true"})
        output = done.stdout + done.stderr
        if done.returncode:
            print(output[-6000:])
            print(f"FAILED a command of README's block {output.count('== block') - 1} ended with {done.returncode}")
            failed += 1
        else:
            passed += len(blocks)
        # What the commands are for.
        for what, pattern in (("a stream", r"^id: 1$"), ("a resumed stream", r"^id: 13$"), ("a kept plan", "保存成功"), ("a checked plan", "every minimum met"),
                              ("chaos", r"events 1\.\.\d+, lost 0, doubled 0, attempt 2")):
            if re.search(pattern, done.stdout, re.M):
                passed += 1
            else:
                failed += 1
                print(f"FAILED README's commands did not show {what}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
