# SPDX-License-Identifier: GPL-2.0-only
"""Who is measured when, and when it is enough."""

import sys
import types
from pathlib import Path

import numpy
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system"), str(Path(__file__).resolve().parent)]

import bars  # noqa: E402  the path comes first
import turns  # noqa: E402
from values import Samples  # noqa: E402

READ, PONG, ALONE = (types.SimpleNamespace(workload=name, metric=metric)
                     for name, metric in (("read", "iops"), ("pong", "latency"), ("ours alone", "bandwidth")))
DEVICES = {"emulated": [READ, PONG], "intree": [READ, PONG], "xenpv": [READ, PONG, ALONE]}


def plan(jobs=(READ,), warmup=0, bars=(), load="none"):
    return turns.Plan(load, list(jobs), DEVICES, ["emulated", "intree"], list(bars), 2, warmup)


class Machine:
    """Devices that do so much, with so much noise; and a clock that goes on by ten seconds with each run."""

    def __init__(self, noise=0.01, **speed):
        self.random = numpy.random.default_rng(3)
        self.noise, self.speed = noise, speed
        self.log = []
        self.time = 0

    def measure(self, device, job, seconds):
        self.log.append((device, job.workload, seconds))
        self.time += 10
        return {job.metric: self.speed[device] * numpy.exp(self.random.normal(0, self.noise))}

    def take(self, of, until=1e9):
        found = Samples()
        self.turns = []
        turns.take(of, self.measure, self.turns.append, found, until, now=lambda: self.time)
        return found

    def devices(self):
        return [device for device, _, _ in self.log]


FAR = {"emulated": 1, "intree": 100, "xenpv": 200}
ALIKE = {"emulated": 1, "intree": 200, "xenpv": 200}


def test_neighbours_are_measured_next_to_each_other_and_every_second_turn_backwards():
    machine = Machine(**FAR)
    machine.take(plan([READ, PONG]))
    forward = ["emulated", "intree", "xenpv"]
    assert machine.devices()[:12] == 2 * forward + 2 * forward[::-1]
    assert [workload for _, workload, _ in machine.log[:6]] == ["read"] * 3 + ["pong"] * 3


def test_what_is_clear_takes_no_more_than_the_least():
    machine = Machine(**FAR)
    found = machine.take(plan())
    assert len(machine.log) == 3 * turns.LEAST
    assert list(found.turns("none", "read", "xenpv", "iops")) == [1, 2, 3, 4]


def test_warm_up_does_not_count():
    machine = Machine(**FAR)
    found = machine.take(plan(warmup=1))
    assert [seconds for _, _, seconds in machine.log] == 3 * [1] + 3 * turns.LEAST * [2]
    assert machine.turns[0] == "warm-up: read, emulated" and machine.turns[3] == "turn 1: read, emulated intree xenpv"
    assert len(found.pairs("none", "read", "iops", "xenpv", "intree")) == turns.LEAST


def test_a_job_is_measured_on_the_devices_that_have_it():
    machine = Machine(**FAR)
    machine.take(plan([ALONE]))
    assert machine.devices() == ["xenpv"] * turns.LEAST


def test_what_is_not_decided_is_repeated_with_who_matters_only():
    machine = Machine(noise=0.1, emulated=1, intree=100, xenpv=112)
    found = machine.take(plan())
    more = machine.devices()[3 * turns.LEAST:]
    assert more and set(more) == {"intree", "xenpv"}
    assert found.ratio("none", "read", "iops", "xenpv", "intree", turns.DECIDED).excludes(1)


def test_an_emulated_device_comes_back_for_its_bar():
    bar = bars.Ratio("read", "iops", "emulated", 200)
    machine = Machine(noise=0.03, **FAR)
    machine.take(plan(bars=[bar]), until=1000)
    more = machine.devices()[3 * turns.LEAST:]
    assert more and set(more) == {"emulated", "xenpv"}
    other = Machine(noise=0.03, **FAR)
    other.take(plan(bars=[bar], load="dom0"), until=1000)  # the bar is of another load
    assert len(other.log) == 3 * turns.LEAST


def test_the_time_limit_ends_it_but_not_before_the_least():
    machine = Machine(noise=0.2, **ALIKE)
    machine.take(plan(), until=0)
    assert len(machine.log) == 3 * turns.LEAST
    machine = Machine(noise=0.2, **ALIKE)
    machine.take(plan(), until=400)
    assert 3 * turns.LEAST < len(machine.log) <= 42


def test_what_is_alike_ends_when_it_is_known_well():
    machine = Machine(noise=0.05, **ALIKE)
    found = machine.take(plan(), until=1e6).ratio("none", "read", "iops", "xenpv", "intree")
    assert not found.excludes(1) and found.high / found.low <= turns.NARROW


def test_jobs_end_one_by_one():
    machine = Machine(noise=0.1, emulated=1, intree=100, xenpv=150)
    bar = bars.Ratio("pong", "latency", "intree", 0.67)
    machine.take(plan([READ, PONG], bars=[bar]), until=2000)
    assert {workload for _, workload, _ in machine.log[-4:]} == {"pong"}


def test_what_was_found_before_an_error_is_kept():
    found = Samples()

    def fail(device, job, seconds):
        if device == "xenpv":
            raise ValueError
        return {job.metric: 1}
    with pytest.raises(ValueError):
        turns.take(plan(), fail, lambda _: None, found, 0)
    assert found.turns("none", "read", "intree", "iops") == {1: 1}
    assert found.pairs("none", "read", "iops", "xenpv", "intree") == []


def test_latencies_are_better_when_less():
    found = Samples()
    for turn, (ours, theirs) in enumerate([(50, 100), (40, 80), (30, 60)], 1):
        found.add("none", turn, "xenpv", "pong", {"latency": ours, "latency p99": theirs})
        found.add("none", turn, "intree", "pong", {"latency": theirs, "latency p99": ours})
    assert found.ratio("none", "pong", "latency", "xenpv", "intree").value == pytest.approx(2)
    assert found.ratio("none", "pong", "latency p99", "xenpv", "intree").value == pytest.approx(0.5)


def test_only_turns_that_both_have_are_pairs():
    found = Samples()
    for turn in (1, 2, 3):
        found.add("none", turn, "xenpv", "read", {"iops": 10 * turn})
    for turn in (2, 3, 4):
        found.add("none", turn, "emulated", "read", {"iops": turn})
    assert found.pairs("none", "read", "iops", "xenpv", "emulated") == [(20, 2), (30, 3)]
