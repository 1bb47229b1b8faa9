# SPDX-License-Identifier: GPL-2.0-only
"""A machine with other work is noticed, and said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import quiet  # noqa: E402  the path comes first

PER_SECOND = quiet.TICKS


@pytest.fixture
def proc(tmp_path):
    """Two CPUs' counts: each write is what has been since boot, in seconds."""
    def write(busy, idle, steal=0.0, own=0.0):
        ticks = [round(seconds * PER_SECOND) for seconds in (busy, 0, 0, idle, 0, 0, 0, steal)]
        (tmp_path / "stat").write_text(f"cpu  {' '.join(map(str, ticks))} 0 0\ncpu0 1 2 3\n")
        (tmp_path / "77").mkdir(exist_ok=True)
        (tmp_path / "77/stat").write_text(f"77 (a b) c) S {' '.join('0' * 10)} {round(own * PER_SECOND)} 0 0\n")
    write.root = tmp_path
    write(100, 100)
    return write


def calibration(proc, times=(10,)):
    left = iter(times)
    return quiet.Calibration([77, 99999], cores=[0], work=lambda core: next(left), proc=proc.root)


def test_what_is_ours_is_not_another_programs(proc):
    made = calibration(proc)
    with made.watch("disk, load none"):
        proc(115, 105, own=14.5)
    assert made.parts == [("disk, load none", pytest.approx(0.025), 0)]
    assert made.report()["quiet"]


def test_other_programs_are_noticed(proc):
    made = calibration(proc)
    with made.watch("disk, load none"):
        proc(115, 105, own=5)
    assert made.reasons() == ["disk, load none: other programs had 50% of the CPUs"]


def test_a_hypervisor_below_is_noticed(proc):
    made = calibration(proc)
    with made.watch("network, load dom0"):
        proc(110, 109, steal=1, own=10)
    assert made.reasons() == ["network, load dom0: a hypervisor below took 5% of the CPUs"]


@pytest.mark.parametrize("times, said", [((10, 10.5, 11), False), ((10, 10, 13), True)])
def test_work_that_takes_longer_at_times_is_noticed(proc, times, said):
    made = calibration(proc, times)
    for _ in times:
        made.probe()
    assert bool(made.reasons()) == said
    assert made.report()["work_ms"] == {"core 0": list(times)}
    if said:
        assert "30% longer" in made.reasons()[0] and "NOT QUIET" in quiet.told(made.report())
    else:
        assert "was quiet" in quiet.told(made.report()) and "10%" in quiet.told(made.report())


def test_a_part_that_fails_is_counted_too(proc):
    made = calibration(proc)
    with pytest.raises(ValueError):
        with made.watch("part"):
            proc(200, 100, own=0)
            raise ValueError
    assert made.reasons()


def test_nothing_measured_is_nothing_wrong(proc):
    assert calibration(proc).reasons() == []


def test_the_real_work_takes_longer_beside_a_busy_core():
    """The work itself, on a core of this machine, beside a process that shares it."""
    core = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    alone = min(quiet.timed(core) for _ in range(3))
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"],
                              preexec_fn=lambda: os.sched_setaffinity(0, {core})) for _ in range(2)]
    try:
        beside = max(quiet.timed(core) for _ in range(3))
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    assert beside > alone * (1 + quiet.SPREAD) and os.sched_getaffinity(0) == before
