#!/usr/bin/python3
"""How fast the daemon is up on data that is there already, and what it weighs when nobody asks anything of it."""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("--build", required=True)
build = pathlib.Path(parser.parse_args().build).resolve()
data = tempfile.mkdtemp(prefix="petfood-bench-")


def start():
    """Seconds from exec to the first good /readyz, and the process."""
    began = time.monotonic()
    process = subprocess.Popen([str(build / "petfoodd"), "--env-file=/dev/null", "--api-port=0", f"--petfood-data-dir={data}/data"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    address = process.stdout.readline().decode().split()[-1]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address + "/readyz", timeout=10) as answer:
        assert answer.status == 200
    return time.monotonic() - began, process


def status(process, name):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])


def stop(process):
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()


first, process = start()
stop(process)
later = []
for _ in range(10):
    seconds, process = start()
    later.append(seconds * 1000)
    anon, rss, threads = status(process, "RssAnon"), status(process, "VmRSS"), status(process, "Threads")
    stop(process)
shutil.rmtree(data)
print(f"idle: first start {first * 1000:.0f} ms; second start to ready, best {min(later):.0f} ms, median {statistics.median(later):.0f} ms (goal 100 ms)")
print(f"idle: RssAnon {anon / 1024:.1f} MiB (goal 16 MiB), RSS {rss / 1024:.1f} MiB, {threads} threads")
