#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs every test of the project, fast ones first, and counts them.

CHECK_MINUTES in the environment is the time that a run may take: the tests on real Xen that would begin after it are
skipped, named and counted as that, the least important ones (tests/system/importance.py). What still runs a while after
it hangs: it is ended and counts as failed. Without it there is no limit.
--long adds what takes hours: tests marked `long`, twenty boots and the demo.

Each stage prints what it does as it goes; its counts come from the closing line its own runner prints. A
stage that ends without one, or with an exit status its counts do not explain, counts as one failure. The
last line is the sum.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"

# Each test has a line of its own when it begins and when it ends, so that a run that is cut off says where it was.
PYTEST_XEN = [PYTHON, "-m", "pytest", "-v", "-rfE", "--maxfail=10", "--durations=40", "--durations-min=5"]
REAL_XEN = [*PYTEST_XEN, "tests/system"]
# I/O, reconnect, reload and detach of the pairs.
PAIRS = [f"tests/system/test_{name}.py" for name in ("block", "holders", "network", "network_life", "modes", "queues")]

STAGES = [
    ("style", ["tests/style.sh"]),
    ("set-up and benches", [PYTHON, "-m", "pytest", "-q", "tests/setup", "tests/bench"]),
    ("build gate", ["tests/gate/run.sh"]),
    ("unit tests", ["tests/unit/run.sh", "plain", "asan", "tsan"]),
    ("xenpv command", [PYTHON, "-m", "pytest", "-q", "tests/cli"]),
    ("kernel modules", ["tests/build.sh"]),
    ("packages", [PYTHON, "-m", "pytest", "-q", "-rfEs", "tests/package"]),
    # Two machines on two cores share the steady lane's tests; one of the parallel lane has two processors of its own.
    ("real Xen, steady lane", [*REAL_XEN, "-n", "2", "--dist", "loadfile", "-m", "not parallel and not long"]),
    ("real Xen, parallel lane", [*REAL_XEN, "-m", "parallel and not long"]),
]
LONG_STAGES = [
    ("real Xen, long", [*REAL_XEN, "-m", "long"]),
    ("real Xen, debug kernel", [*PYTEST_XEN, "--kernel", "debug", "-m", "not parallel and not long", *PAIRS]),
    ("twenty boots", ["tests/system/boots.py", "20"]),
    ("demo", [PYTHON, "tests/bench/demo.py"]),
]

HANG_SECONDS = 6 * 60  # after the end of a run's time: what began before it has ended by then
DYING_SECONDS = 60  # in which a stage that was interrupted ends, and says what it knows

PLAIN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
CTEST = re.compile(r"^\d+% tests passed, (\d+) tests? failed out of (\d+)$")
PYTEST_SUM = re.compile(r"^=* ?((?:\d+ (?:passed|failed|errors?|skipped|deselected|warnings?)(?:, )?)+) in .*$")


def counts(line):
    """(passed, failed, skipped) if the line is a runner's closing line."""
    if match := PLAIN.match(line):
        return tuple(int(n or 0) for n in match.groups())
    if match := CTEST.match(line):
        failed, total = int(match[1]), int(match[2])
        return total - failed, failed, 0
    if match := PYTEST_SUM.match(line):
        by_name = {name.rstrip("s"): int(n) for n, name in re.findall(r"(\d+) (\w+)", match[1])}
        return by_name.get("passed", 0), by_name.get("failed", 0) + by_name.get("error", 0), by_name.get("skipped", 0)
    return None


def _signal(stage, number):
    """To a stage and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(stage.pid, number)


@contextlib.contextmanager
def ended_at(stage, end):
    """Interrupts a stage at this time; yields whether that has happened."""
    cut_off = threading.Event()

    def cut(number):
        cut_off.set()
        _signal(stage, number)

    timers = [threading.Timer(end + after - time.time(), cut, [number])
              for after, number in ((0, signal.SIGINT), (DYING_SECONDS, signal.SIGKILL))] if end else []
    for timer in timers:
        timer.start()
    try:
        yield cut_off.is_set
    finally:
        for timer in timers:
            timer.cancel()


def run(command, end=None):
    """Runs one stage with its output passed through; returns its counts. end: the time at which it hangs."""
    total = [0, 0, 0]
    stage = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    with ended_at(stage, end) as is_cut_off:
        try:
            for line in stage.stdout:
                print("   ", line, end="", flush=True)
                if found := counts(line.strip()):
                    total = [a + b for a, b in zip(total, found)]
        except KeyboardInterrupt:
            _signal(stage, signal.SIGINT)
            stage.wait()  # it may have a machine to end
            raise
        status = stage.wait()
        cut_off = is_cut_off()
        if cut_off:
            _signal(stage, signal.SIGKILL)  # what it left behind
    if cut_off:
        print("    the run's time is long over and this still ran: ended, and counted as a failure")
        total[1] += 1
    elif sum(total) == 0 or (status != 0 and total[1] == 0):
        print(f"    exit status {status} with {total[0]} passed and {total[1]} failed: counted as a failure")
        total[1] += 1
    return total


def main():
    began = time.monotonic()
    end = None
    if minutes := os.environ.get("CHECK_MINUTES"):
        if not re.fullmatch(r"\d+(\.\d+)?", minutes):
            sys.exit(f"check: CHECK_MINUTES is {minutes!r}: give a number of minutes, or leave it out for no limit")
        until = time.time() + 60 * float(minutes)
        os.environ["XENPV_UNTIL"] = str(until)
        end = until + HANG_SECONDS
    total = [0, 0, 0]
    for name, command in STAGES + (LONG_STAGES if "--long" in sys.argv[1:] else []):
        print(f"=== {name} [{time.monotonic() - began:.0f} s]", flush=True)
        here = run(command, end)
        total = [a + b for a, b in zip(total, here)]
        print(f"--- {name}: {here[0]} passed, {here[1]} failed, {here[2]} skipped [{time.monotonic() - began:.0f} s]",
              flush=True)
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted; what was made is kept, run it again")
        sys.exit(130)
