# SPDX-License-Identifier: GPL-2.0-only
"""The folders of runs. Each run of a bed has one, with its logs, and a lock that its QEMU holds for as long as it runs.

So a crash of whoever started a bed neither leaves the lock behind nor hides the bed, and any number of beds run beside
each other: they are told apart by name.
"""

import fcntl
import json
import os
import shutil
import time
from pathlib import Path

from .layout import LOGS, BedError
from .qemu import SCRATCH

LOCK = "lock"
DEFAULT_NAME = "bed"  # of the one at a terminal
KEEP = 12


def _is_busy(folder):
    """Whether a machine runs there, or is just being started."""
    with open(folder / LOCK, encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _folders():
    return sorted((p for p in LOGS.glob("2*") if (p / LOCK).exists()), key=lambda p: p.name)


def alive():
    """{name: state} of every bed of this tree that is up."""
    found = {}
    for folder in filter(_is_busy, _folders()):
        text = (folder / LOCK).read_text(encoding="utf-8")
        if text:  # else it is just starting
            state = json.loads(text)
            found[state["name"]] = state
    return found


def new(name):
    """(folder, its lock) of a run to begin; old runs' folders go."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / ".new", "a+", encoding="utf-8") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if name in alive():
            raise BedError(f"a bed named {name!r} is up already: tests/system/xenbed down")
        idle = [folder for folder in _folders() if not _is_busy(folder)]
        for old in idle[:-KEEP]:
            shutil.rmtree(old, ignore_errors=True)
        for old in idle:
            (old / SCRATCH).unlink(missing_ok=True)
        folder = LOGS / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{os.getpid()}"
        while folder.exists():
            folder = folder.with_name(folder.name + "+")
        folder.mkdir()
        lock = open(folder / LOCK, "a+", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits at most for somebody's look at it
    latest = LOGS / f".latest-{os.getpid()}"
    latest.unlink(missing_ok=True)
    latest.symlink_to(folder.name)
    latest.replace(LOGS / "latest")
    return folder, lock


def tell(lock, state):
    """Says which machine holds the lock, for alive()."""
    lock.truncate(0)
    lock.write(json.dumps(state))
    lock.flush()


def latest():
    """The folder of the newest run, or None."""
    folders = _folders()
    return folders[-1] if folders else None


def is_up(folder):
    return Path(folder).exists() and _is_busy(Path(folder))
