# SPDX-License-Identifier: GPL-2.0-only
"""What the modes topic does without a machine: what takes which turn, and the advice that the figures leave."""

import contextlib
import sys
import types
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system"), str(Path(__file__).resolve().parent)]

import demo  # noqa: E402  the path comes first
import modes  # noqa: E402
from values import Samples  # noqa: E402


def sampled(**values):
    """Each mode does so much at every job, within two percent; a value in a list is of each turn."""
    made = Samples()
    for mode, value in values.items():
        for job in modes.JOBS:
            for turn, share in enumerate((1, 1.02, 0.98), 1):
                found = value[turn - 1] if isinstance(value, list) else value * share
                made.add("none", turn, mode, job.workload, {job.metric: found})
    return made


def advice(accelerator="kvm", **values):
    """The advice by line: what was measured, then on drivers, PVH and PV."""
    head, *lines = modes.advise(sampled(**values), accelerator).splitlines()
    assert head == "Which mode to choose" and len(lines) == 6
    return lines[:3], lines[3:]


GOOD = {"hvm": 2, "pvhvm": 50, "pvh": 55, "pv": 44}


def test_jobs_are_the_same_in_every_mode():
    assert [job.short for job in modes.JOBS] == ["read 128K 8", "rread 4K 32", "TCP 1 up", "TCP 1 down"]
    assert [modes.plan("none", modes.JOBS).of(job) for job in modes.JOBS] == [["hvm", "pvhvm", "pvh", "pv"]] * 4


def test_each_step_shows_its_figures():
    figures, _ = advice(**GOOD)
    for line, ratio in zip(figures, ("25.0x", "1.10x", "0.80x")):
        assert line.count(ratio) == len(modes.JOBS)


def test_figures_that_bear_the_rule_out():
    _, (drivers, pvh, pv) = advice(**GOOD)
    assert "HVM only for systems that have no PV drivers" in drivers and "25.0 to 25.0 times" in drivers
    assert "- PVH for Linux where" in pvh and "else PVHVM" in pvh
    assert "PV only where there is no hardware virtualisation" in pv


def test_a_slower_pvh_is_not_recommended_blindly():
    _, (_, pvh, _) = advice(**GOOD | {"pvh": 39})
    assert "but here PVH is slower at read 128K 8, rread 4K 32, TCP 1 up, TCP 1 down" in pvh and "measure" in pvh


def test_noise_is_not_slower():
    _, (_, pvh, _) = advice(**GOOD | {"pvh": [60, 39, 41]})
    assert "slower" not in pvh


def test_drivers_that_are_no_better_are_a_fault():
    _, (drivers, _, _) = advice(**GOOD | {"hvm": 100})
    assert "a fault to be found" in drivers and "no PV drivers" not in drivers


@pytest.mark.parametrize("accelerator, told", [("tcg", True), ("kvm", False)])
def test_what_emulation_leaves_out_is_said(accelerator, told):
    _, (_, _, pv) = advice(accelerator, **GOOD | {"pv": 500})
    assert ("not in them" in pv) == told and "old machines" in pv


def test_what_was_not_measured_is_not_judged():
    figures, (drivers, pvh, _) = advice(pvhvm=5, pv=5)
    assert all(line.endswith("not measured") for line in figures)
    assert "not both were measured" in drivers and "not both were measured" in pvh and "PVH for Linux" in pvh


def test_a_mode_that_stood_still_divides_nothing():
    assert modes.times(sampled(**GOOD | {"hvm": 0}), "pvhvm", "hvm") == {}
    assert modes.times(sampled(**GOOD | {"pvh": 0}), "pvh", "pvhvm") == {}


class Guest:
    def __init__(self, log):
        self.log = log

    def run(self, command, timeout=0):
        self.log.append(command)
        return types.SimpleNamespace(json=lambda: {"jobs": [{"error": 0, "read": {
            "bw_bytes": 7e6, "iops": 7, "total_ios": 9}}]})


@pytest.fixture
def log(monkeypatch):
    """Jobs and devices that only say what they do."""
    said = []
    monkeypatch.setattr(modes.nics, "await_connected", lambda guest, devid: said.append("up") or "eth1")
    monkeypatch.setattr(modes.nics, "back_netdev", lambda guest, devid: "vif1.4")
    monkeypatch.setattr(modes.nics, "configure", lambda *_: said.append("addresses") or ("10.77.0.9", "fd77::9"))
    monkeypatch.setattr(modes.nics, "load_emulated", lambda *_: said.append("driver"))
    monkeypatch.setattr(modes.netjobs.Stream, "measure", lambda job, link, seconds: said.append(job.short) or 3)
    return said


def test_only_the_measured_link_is_up(log):
    mode = modes.PvMode(Guest(log), "/dev/xvde", 4)
    assert modes.measure(mode, modes.OF_NETWORK[0], 3) == {"bandwidth": 3}
    assert log == ["up", "addresses", "TCP 1 up", "ip link set eth1 down"]


def test_a_disk_needs_no_link(log):
    mode = modes.PvMode(Guest(log), "/dev/xvde", 4)
    assert [modes.measure(mode, job, 3) for job in modes.OF_DISK] == [{"bandwidth": 7}, {"iops": 7}]
    assert [line.split()[4] for line in log] == ["--bs=128k", "--bs=4k"]


def test_a_link_goes_down_after_an_error(log, monkeypatch):
    monkeypatch.setattr(modes.netjobs.Stream, "measure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        modes.measure(modes.PvMode(Guest(log), "/dev/xvde", 4), modes.OF_NETWORK[0], 3)
    assert log[-1] == "ip link set eth1 down"


def test_emulated_mode_uses_no_pv_device(log, monkeypatch):
    link = types.SimpleNamespace(guest=Guest(log))
    monkeypatch.setattr(modes, "emulated", lambda guest, model, devid: contextlib.nullcontext(link))
    mode = modes.EmulatedMode(link.guest, "/dev/sda")
    for job in modes.JOBS:
        modes.measure(mode, job, 3)
    assert log.count("driver") == 2 and all("/dev/sda" in line for line in log if "fio" in line)


def test_advice_is_printed_with_the_modes_only(capsys, tmp_path):
    for only, shown in (("modes", True), ("network", False)):
        what = demo.Measurement(types.SimpleNamespace(only=only, job=None, load=None))
        demo.conclude(what, tmp_path / "report.json")
        assert ("Which mode to choose" in capsys.readouterr().out) == shown
