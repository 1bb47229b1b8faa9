# SPDX-License-Identifier: GPL-2.0-only
"""What make cost decides from, without a bed: the trace's records, the ratios, and the baseline in the tree."""

import json
import struct
import sys
import types
from collections import Counter
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system"), str(Path(__file__).resolve().parent)]

import baseline  # noqa: E402  the path comes first
import cost  # noqa: E402
import fixedwork  # noqa: E402
import meter  # noqa: E402
import xentrace  # noqa: E402
from bed.layout import BedError  # noqa: E402

ROW = {"workload": "random read 4 KiB QD1", "cost": "instructions", "ratio": 0.9, "spread": 0.0}
KEY = ROW["workload"], ROW["cost"]


def judged(ratio, spread=0.0, new=None):
    """Of one row, with what was measured."""
    found = {KEY: ratio * new} if new else {}
    return baseline.judge([baseline.Row(*KEY, ratio, spread)], found)


# The baseline


@pytest.mark.parametrize("rise, spread, ok", [
    (1.029, 0.0, True), (1.031, 0.0, False), (0.5, 0.0, True),
    (1.031, 0.05, True), (1.049, 0.05, True), (1.051, 0.05, False),
    (1.029, 0.01, True),  # a quiet row is not held to less than what is allowed to all
])
def test_rise(rise, spread, ok):
    verdict, = judged(0.9, spread, rise)
    assert verdict.ok is ok
    assert "random read 4 KiB QD1: instructions: 0.9000 became" in verdict.text


def test_rise_names_both_values():
    verdict, = judged(2.0, new=1.5)
    assert "2.0000 became 3.0000" in verdict.text and "+50.0%" in verdict.text


def test_row_that_was_not_measured():
    verdict, = judged(0.9)
    assert not verdict.ok and "was not measured" in verdict.text


def test_row_that_the_baseline_does_not_have():
    verdict, = baseline.judge([], {KEY: 1.0})
    assert not verdict.ok and "not in the baseline" in verdict.text


def test_what_intree_never_does_is_compared():
    assert baseline.ratio(0, 0) == 1
    assert baseline.ratio(1, 0) > 2 * baseline.ratio(0.4, 0)


def test_what_hardly_happens_decides_nothing():
    assert baseline.ratio(0.002, 0.001) < 1 + baseline.ALLOWED


def test_rows_of_several_runs():
    row, = baseline.rows([{KEY: 1.0}, {KEY: 1.1}, {KEY: 1.02}])
    assert (row.ratio, row.spread) == (1.02, 0.2)


def test_written_is_read(tmp_path):
    rows = [baseline.Row(*KEY, 0.9, 0.01), baseline.Row("another", "exits", 1.5, 0)]
    baseline.write(tmp_path / "b.json", rows)
    assert baseline.read(tmp_path / "b.json") == rows


@pytest.mark.parametrize("change, named", [
    ({"ratio": "0.9"}, "'ratio'"), ({"ratio": None}, "'ratio'"),
    ({"ratio": -1}, "'ratio'"), ({"ratio": True}, "'ratio'"),
    ({"spread": []}, "'spread'"), ({"workload": 5}, "'workload'"), ({"cost": None}, "'cost'"), ({"of": 1}, "'of'"),
])
def test_bad_row(tmp_path, change, named):
    path = tmp_path / "b.json"
    path.write_text(json.dumps({"rows": [ROW, ROW | change]}), encoding="utf-8")
    with pytest.raises(BedError, match=f"row 2 .*{named}.*make cost BASELINE=write"):
        baseline.read(path)


@pytest.mark.parametrize("text, named", [
    ("{", "no JSON"), ("[]", "'rows'"), ('{"rows": 5}', "'rows'"), ('{"rows": [5]}', "'workload'"),
])
def test_bad_file(tmp_path, text, named):
    path = tmp_path / "b.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BedError, match=named):
        baseline.read(path)


def test_no_file(tmp_path):
    with pytest.raises(BedError, match="no baseline.*make cost BASELINE=write"):
        baseline.read(tmp_path / "b.json")


def test_the_one_in_the_tree():
    """Has a row for each cost of each job, and no other."""
    jobs = [job.workload for _, jobs in cost.TOPICS.values() for job in jobs]
    assert len(jobs) == len(set(jobs)) >= 10
    rows = [(row.workload, row.cost) for row in baseline.read(cost.BASELINE)]
    assert sorted(rows) == sorted((job, name) for job in jobs for name in cost.COSTS)


def test_the_closing_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cost, "BASELINE", tmp_path / "b.json")
    baseline.write(cost.BASELINE, [baseline.Row("a", "exits", 1.0), baseline.Row("b", "exits", 1.0)])
    monkeypatch.setattr(cost, "restored", lambda: {("a", "exits"): 1.02, ("b", "exits"): 1.04})
    assert cost.judge() == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "1 passed, 1 failed"
    assert any(line.startswith("FAIL b: exits: 1.0000 became 1.0400") for line in out)
    assert any("BASELINE=write" in line for line in out)


def test_a_rise_that_does_not_come_again_is_chance(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cost, "BASELINE", tmp_path / "b.json")
    baseline.write(cost.BASELINE, [baseline.Row("a", "exits", 1.0), baseline.Row("b", "exits", 1.0)])
    runs = iter([{("a", "exits"): 1.0, ("b", "exits"): 1.2}, {("a", "exits"): 1.2, ("b", "exits"): 1.0}])
    monkeypatch.setattr(cost, "restored", lambda: next(runs))
    assert cost.judge() == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "2 passed, 0 failed"
    assert "measuring again what rose: b: exits: 1.0000 became 1.2000" in said.err


# The trace


def record(event, *words, cycles=True):
    head = event | len(words) << 28 | cycles << 31
    return struct.pack("<I", head) + (bytes(8) if cycles else b"") + struct.pack(f"<{len(words)}I", *words)


def test_trace():
    data = (record(0x1F003, 0, 64, cycles=False)  # of CPU 0
            + record(0x20100D, 20 | 0x110 << 16, 1, 32)  # 32 grants unmapped
            + record(0x20100D, 32)
            + record(0x20200E, 20 | 0x110 << 16, 5, 3)  # 3 copied, within a multicall
            + record(0x81102, 0x81, 0, 0) + record(0x82012, 32) + record(0x81001)
            + record(0x82012, 24) + record(0x82004, 0xF3, 0, cycles=False))
    assert xentrace.counts(data) == {"hypercalls": 5, "grant hypercalls": 2, "grant operations": 35,
                                     "notifications": 2, "exits": 1, "interrupts": 1}


def test_trace_with_lost_records():
    with pytest.raises(BedError, match="lost"):
        xentrace.counts(record(0x1F001, 1, 0, 0, 0))


def test_trace_that_is_cut_off():
    with pytest.raises(BedError, match="ends within a record"):
        xentrace.counts(record(0x20100D, 32)[:-2])


# What one unit costs


class Job(fixedwork.Work):
    """Three for each unit, and a hundred for the program."""

    def run(self, _, length):
        self.job.done = length
        return length


def test_per_unit():
    job = Job(types.SimpleNamespace(workload="of a test"), 40, "unit")
    found = cost.per_unit(lambda action: (action(), Counter(instructions=100 + 3 * job.job.done)), job, None)
    assert found == {"instructions": 3}


def test_per_unit_by_a_counter(monkeypatch):
    """Of packets that arrive: every second one."""
    job = Job(types.SimpleNamespace(workload="of a test"), 40, "unit")
    total = [5]
    monkeypatch.setattr(Job, "counter", lambda *_: total[0])

    def measure(action):
        total[0] += action() // 2
        return None, Counter(instructions=100 + 3 * job.job.done)

    assert cost.per_unit(measure, job, None)["instructions"] == pytest.approx(3 * 39 / 20)


def test_nothing_that_was_done(monkeypatch):
    job = Job(types.SimpleNamespace(workload="of a test"), 40, "unit")
    monkeypatch.setattr(Job, "counter", lambda *_: 5)
    with pytest.raises(BedError, match="of a test"):
        cost.per_unit(lambda action: (action(), Counter()), job, None)


def test_table_has_all():
    found = {(job.workload, device): dict.fromkeys(cost.COSTS, 1.5)
             for _, jobs in cost.TOPICS.values() for job in jobs for device in cost.DEVICES}
    lines = cost.table(found).splitlines()
    assert len(lines) == 1 + len(found) and all(name in lines[0] for name in cost.COSTS)


def test_one_instruction():
    """As the steady lane has it: QEMU's clock goes on by 2 to the shift nanoseconds."""
    assert meter.ns_per_instruction() == 4
