# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmarks do without a machine: reading results, taking turns, medians, tables, bars, Ctrl-C."""

import json
import os
import signal
import sys
import types
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system"), str(Path(__file__).resolve().parent)]

import bars  # noqa: E402  the path comes first
import costs  # noqa: E402
import demo  # noqa: E402
import jobs  # noqa: E402
import netjobs  # noqa: E402
import network  # noqa: E402
import report  # noqa: E402
import session  # noqa: E402
import turns  # noqa: E402
from bed.layout import BedError  # noqa: E402
from bed.result import Result  # noqa: E402


class Domain:
    """Answers commands by what they contain, each answer of a list once."""

    def __init__(self, **answers):
        self.answers = answers
        self.said = []

    def run(self, command, timeout=0, check=True):
        self.said.append(command)
        for word, answer in self.answers.items():
            if word in command:
                out = answer.pop(0) if isinstance(answer, list) else answer
                return Result("here", command, 0, out, "", False, timeout)
        return Result("here", command, 0, "", "", False, timeout)


def link(guest, dom0):
    guest.dom0, guest.domid = dom0, 3
    return types.SimpleNamespace(guest=guest, devid=4, front="eth0", back="vif3.4", dom0_ip4="10.77.0.1")


# Reading results

def test_disk_job_reads_its_own_side():
    result = {"jobs": [{"error": 0, "read": {"bw_bytes": 1, "iops": 1, "total_ios": 1},
                        "write": {"bw_bytes": 5e6, "iops": 70, "total_ios": 9}}]}
    assert jobs.Job("w", "randwrite", 4, 32, "iops").read(result) == (70, 9)
    assert jobs.Job("w", "write", 128, 8, "bandwidth").read(result) == (5.0, 9)
    result["jobs"][0]["error"] = 5
    with pytest.raises(BedError, match="fio reports error 5"):
        jobs.Job("w", "write", 128, 8, "bandwidth").read(result)


def iperf(**end):
    return json.dumps({"end": end})


@pytest.mark.parametrize("way, reverse", [(netjobs.UP, False), (netjobs.DOWN, True)])
def test_stream_is_what_the_receiver_got(way, reverse):
    guest = Domain(iperf3=iperf(sum_sent={"bits_per_second": 9e9}, sum_received={"bits_per_second": 8e8}))
    assert netjobs.Stream(way, 4).measure(link(guest, Domain()), 3) == 800
    assert ("-R" in guest.said[0], "-P 4" in guest.said[0], "-t 3" in guest.said[0]) == (reverse, True, True)


@pytest.mark.parametrize("way", [netjobs.UP, netjobs.DOWN])
def test_datagrams_are_counted_where_they_arrive(way):
    ran = {"iperf3 -J": iperf(sum_sent={"seconds": 2.0, "packets": 10**9})}
    counted = {"rx_packets": ["1000\n", "5000\n"]}
    up = way == netjobs.UP
    guest = Domain(**ran) if up else Domain(**ran, **counted)
    dom0 = Domain(**counted) if up else Domain()
    assert netjobs.Datagrams(way).measure(link(guest, dom0), 2) == 2000
    assert any(("vif3.4" if up else "eth0") in said for said in (dom0 if up else guest).said)


def test_what_iperf_says_is_wrong_is_passed_on():
    with pytest.raises(BedError, match="server is busy"):
        netjobs.Stream(netjobs.UP, 1).measure(link(Domain(iperf3='{"error": "server is busy"}'), Domain()), 1)


def full_frames(packets):
    received = {"bits_per_second": 3e6}
    guest = Domain(statistics=["0\n0\n", f"1514000\n{packets}\n"], iperf3=iperf(sum_received=received))
    dom0 = Domain()
    return netjobs.FullFrames(netjobs.UP), link(guest, dom0), guest, dom0


def test_full_frames_are_made_so_and_unmade():
    job, over, guest, dom0 = full_frames(1000)
    assert job.measure(over, 1) == 3
    for domain, netdev in ((guest, "eth0"), (dom0, "vif3.4")):
        switched = [said for said in domain.said if "ethtool" in said]
        assert switched == [f"ethtool -K {netdev} tso {to} gso {to} gro {to}" for to in ("off", "on")]


def test_larger_packets_do_not_pass_for_full_frames():
    job, over, guest, _ = full_frames(900)
    with pytest.raises(BedError, match="packets of 1682 bytes"):
        job.measure(over, 1)
    assert guest.said[-1].endswith("gro on")


# Costs

FRONT = "state connected\nqueues 2\nqueue 0\n  tx_packets 10\n  notifications_sent 1\nqueue 1\n  tx_packets 30\n"


def test_counters_are_added_over_queues_and_kinds():
    found = costs.parse(FRONT + "  copy_hypercalls 3\n  map_hypercalls 4\n  map_operations 9\n  copy_operations 2\n")
    assert (found["tx_packets"], found["notifications_sent"]) == (40, 1)
    assert (found["grant_hypercalls"], found["grant_operations"]) == (7, 11)


def test_costs_are_shared_by_packets_of_both_ways():
    before = {"front": costs.parse("  tx_packets 5\n  rx_packets 1\n"), "back": costs.parse("  copy_hypercalls 1\n")}
    after = {"front": costs.parse("  tx_packets 25\n  rx_packets 11\n  notifications_sent 3\n"),
             "back": costs.parse("  copy_hypercalls 2\n  map_hypercalls 5\n")}
    found = costs.per_packet(before, after, costs.UP)
    assert found["notifications front to back"] == pytest.approx(0.1)
    assert found["grant hypercalls"] == pytest.approx(0.2)
    assert found["grant hypercalls, of data"] == pytest.approx(0.3)
    assert costs.per_packet(before, after, costs.DOWN)["grant hypercalls, of data"] == pytest.approx(0.6)
    assert costs.per_packet(before, after, costs.UP + costs.DOWN)["grant hypercalls, of data"] == pytest.approx(0.2)


def test_data_of_a_job_goes_its_way():
    assert {job.short: job.data for job in network.JOBS} == {
        "TCP 1 up": costs.UP, "TCP 1 down": costs.DOWN, "TCP 4 up": costs.UP, "TCP 4 down": costs.DOWN,
        "UDP up": costs.UP, "UDP down": costs.DOWN, "round trip": costs.UP + costs.DOWN, "MTU up": costs.UP,
        "MTU down": costs.DOWN}


def test_a_counter_that_is_missing_is_no_cost_of_nothing():
    before = {"front": costs.parse("  tx_packets 5\n"), "back": costs.parse("  wakeups 1\n")}
    after = {"front": costs.parse("  tx_packets 9\n"), "back": costs.parse("  wakeups 3\n")}
    assert costs.per_packet(before, after, costs.UP) == {
        "wakeups of the backend": 0.5, "wakeups of the backend, of data": 0.5}
    assert costs.per_packet({}, after, costs.UP) == {}


def test_an_end_of_another_driver_has_no_costs():
    assert costs.per_packet({}, {}, costs.UP) == {}
    back = costs.per_packet({"back": costs.parse("")}, {"back": costs.parse("  tx_packets 2\n  wakeups 1\n")}, costs.UP)
    assert back["wakeups of the backend"] == 0.5 and "notifications front to back" not in back


def test_counters_that_stand_still_are_an_error():
    with pytest.raises(BedError, match="no requests"):
        costs.per_request({"front": costs.parse("")}, {"front": costs.parse("")})


# Turns

PARTS = [turns.Part("slow", 1, 2), turns.Part("a", 2, 4, warmup=1), turns.Part("b", 2, 4, warmup=1)]


def test_devices_take_turns():
    order = [(t.device, t.seconds, t.counts) for t in turns.schedule(PARTS)]
    assert order == [("a", 1, False), ("b", 1, False), ("slow", 2, True), ("a", 4, True), ("b", 4, True),
                     ("a", 4, True), ("b", 4, True)]


def test_warm_up_does_not_count():
    value = iter(range(100))
    said = []
    samples = {}
    turns.take(PARTS, lambda device, seconds: {("w", "m"): next(value)}, said.append, samples)
    assert samples == {("w", "slow", "m"): [2], ("w", "a", "m"): [3, 5], ("w", "b", "m"): [4, 6]}
    assert said[0] == "warm-up: a" and said[-1] == "run 2 of 2: b"


# Reports

JOBS = [types.SimpleNamespace(workload="stream", metric="bandwidth", unit="Mbit/s", short="s"),
        types.SimpleNamespace(workload="pong", metric="latency", unit="us", short="p"),
        types.SimpleNamespace(workload="ours alone", metric="bandwidth", unit="MB/s", short="o")]
SAMPLES = {("stream", "e1000", "bandwidth"): [5, 4], ("stream", "intree", "bandwidth"): [80, 100, 90],
           ("stream", "xenpv", "bandwidth"): [2000, 180, 100], ("pong", "e1000", "latency"): [500],
           ("pong", "intree", "latency"): [100], ("pong", "xenpv", "latency"): [50],
           ("ours alone", "xenpv", "bandwidth"): [7], ("stream", "xenpv", "grant hypercalls"): [0.2, 0.1, 0.05]}
COSTS = {"per packet": ["grant hypercalls", "notifications"], "per data packet": ["grant hypercalls, of data"]}


@pytest.fixture
def rows():
    return report.rows(SAMPLES, JOBS, COSTS)


def test_rows_have_median_and_spread(rows):
    assert report.find(rows, "stream", "xenpv", "bandwidth") == {
        "workload": "stream", "device": "xenpv", "metric": "bandwidth", "unit": "Mbit/s", "runs": [2000, 180, 100],
        "median": 180, "min": 100, "max": 2000}
    assert report.find(rows, "ours alone", "xenpv", "bandwidth")["unit"] == "MB/s"
    assert report.find(rows, "stream", "xenpv", "grant hypercalls")["unit"] == "per packet"


def test_table_says_how_many_times_better(rows):
    head, stream, pong, alone = report.table(rows, JOBS, ["e1000", "intree", "xenpv"], ["e1000", "intree"]).split("\n")
    assert head.endswith("x e1000    x intree")
    assert "90 (80-100)" in stream and "180 (100-2000)" in stream and stream.endswith("40.00x       2.00x")
    assert pong.endswith("10.00x       2.00x")  # half the time is twice as good
    assert alone.split() == ["ours", "alone", "MB/s", "-", "-", "7", "(7-7)", "-", "-"]
    assert len({len(line) for line in (head, stream, pong, alone)}) == 1


def test_cost_table(rows):
    assert report.cost_table(rows, JOBS, ["grant hypercalls"], "per packet").split("\n")[1].split() == [
        "grant", "hypercalls", "0.100", "-", "-"]


@pytest.mark.parametrize("bar, met", [
    (bars.Ratio("stream", "bandwidth", "intree", 2), True), (bars.Ratio("stream", "bandwidth", "intree", 2.01), False),
    (bars.Ratio("stream", "bandwidth", "e1000", 41), False),
    (bars.Cost("stream", "grant hypercalls", "per packet", 0.1), True),
    (bars.Cost("stream", "grant hypercalls", "per packet", 0.09), False)])
def test_bars(rows, bar, met):
    verdict = bar.judge(rows)
    assert verdict["met"] == met
    assert bars.table([verdict]).endswith(("met\n1 of 1 bars met" if met else "MISSED\n0 of 1 bars met"))


@pytest.mark.parametrize("bar", [
    bars.Ratio("pong", "latency", "rtl8139", 0), bars.Ratio("ours alone", "bandwidth", "intree", 0),
    bars.Ratio("nothing", "bandwidth", "intree", 0), bars.Cost("stream", "notifications", "per packet", 9),
    bars.Cost("stream", "no such cost", "per packet", 9)])
def test_a_bar_that_was_not_measured_is_missed(rows, bar):
    verdict = bar.judge(rows)
    assert (verdict["value"], verdict["met"]) == (None, False)
    line, total = bars.table([verdict]).split("\n")
    assert "not measured" in line and line.endswith("MISSED") and total == "0 of 1 bars met"


def test_a_bar_over_nothing_is_not_measured():
    found = report.rows({("w", "intree", "m"): [0], ("w", "xenpv", "m"): [5]},
                        [types.SimpleNamespace(workload="w", metric="m", unit="u")], {})
    assert bars.Ratio("w", "m", "intree", 2).judge(found)["value"] is None


def metrics(half, job):
    return [job.metric, *(name for names in half.COSTS.values() for name in names)]


@pytest.mark.parametrize("half", demo.TOPICS.values(), ids=demo.TOPICS)
def test_every_bar_and_base_is_measured(half):
    parts = {part.device: part for part in half.parts(3)}
    assert list(parts) == half.DEVICES and set(half.BASES) < set(parts)
    assert {(part.repeats, part.seconds, part.warmup) for part in parts.values()} == {
        (3, parts[half.DEVICES[-1]].seconds, 1)}
    measured = {(job.workload, metric): [1, 2] for job in half.JOBS for metric in metrics(half, job)}
    found = report.rows({(w, d, m): runs for (w, m), runs in measured.items() for d in parts}, half.JOBS, half.COSTS)
    verdicts = [bar.judge(found) for bar in half.BARS]
    assert len({v["what"] for v in verdicts}) == len(verdicts)
    assert all(v["value"] is not None for v in verdicts)


def test_bars_of_packets_say_what_counts():
    counted = [bar.judge([])["what"] for bar in network.BARS if isinstance(bar, bars.Cost)]
    assert len(counted) == 6 and all(what.endswith(" per packet, acks counted") for what in counted)


def test_names_are_told_apart():
    for half in demo.TOPICS.values():
        for name in ("workload", "short"):
            assert len({getattr(job, name) for job in half.JOBS}) == len(half.JOBS)


# The demo

SOME = {("TCP of MTU size guest to dom0", "xenpv", "bandwidth"): [1],
        ("TCP of MTU size guest to dom0", "xenpv", "grant hypercalls"): [0.2],
        ("TCP of MTU size guest to dom0", "xenpv", "grant hypercalls, of data"): [0.3]}


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Starts the demo's run with something in place of its measurements; returns the report."""
    def start(measure):
        monkeypatch.setattr(demo, "measure", measure)
        args = types.SimpleNamespace(only="network", output=tmp_path / "report.json", repeats=3)
        try:
            demo.run(args, print)
        finally:
            start.report = json.loads(args.output.read_text()) if args.output.exists() else None
        return start.report
    return start


def find_some(halves, args, progress, where, samples):
    where["accelerator"] = "none"
    samples["network"].update(SOME)


def test_both_counts_of_packets_are_shown(started, capsys):
    written = started(find_some)
    assert {(r["metric"], r["unit"], r["median"]) for r in written["rows"]} == {
        ("bandwidth", "Mbit/s", 1), ("grant hypercalls", "per packet, acks counted", 0.2),
        ("grant hypercalls, of data", "per data packet", 0.3)}
    shown = capsys.readouterr().out
    assert "xenpv, per packet, acks counted" in shown and "xenpv, per data packet" in shown


def test_the_report_is_there_before_it_is_judged(started, monkeypatch):
    monkeypatch.setattr(bars.Ratio, "judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        started(find_some)
    assert len(started.report["rows"]) == len(SOME)


def test_what_was_measured_before_an_error_is_kept(started, capsys):
    def fail(*args):
        find_some(*args)
        raise BedError("the guest died")

    with pytest.raises(BedError, match="the guest died"):
        started(fail)
    assert len(started.report["rows"]) == len(SOME) and not any(v["met"] for v in started.report["verdicts"])
    assert capsys.readouterr().out.count("not measured") == len(network.BARS) - 1


def test_an_error_before_anything_was_measured_leaves_the_last_report(started):
    def fail(*_):
        raise BedError("no bed")

    with pytest.raises(BedError):
        started(fail)
    assert started.report is None


# Sessions

class Machine:
    def __init__(self):
        self.stopped = False
        self.process = types.SimpleNamespace(terminate=self.stop)

    def stop(self):
        self.stopped = True


@pytest.fixture
def own(monkeypatch):
    made = Machine()
    monkeypatch.setattr(session, "running", lambda: None)
    monkeypatch.setattr(session.Machine, "start", lambda modules: made)
    return made


def test_ctrl_c_ends_the_machine_before_anything_is_undone(own):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        with session.machine():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                assert own.stopped
                raise BedError("the machine has gone")
    assert signal.getsignal(signal.SIGINT) == before


def test_an_error_ends_the_machine_and_is_told_first(own):
    with pytest.raises(BedError) as caught:
        with session.machine():
            try:
                raise BedError("fio failed")
            finally:
                raise BedError("the module is in use")
    assert own.stopped
    assert session.explain(caught.value) == "fio failed\nafter that: the module is in use"


def test_a_bed_that_was_up_stays(monkeypatch):
    kept = Machine()
    monkeypatch.setattr(session, "running", lambda: {"pid": 1})
    monkeypatch.setattr(session.Machine, "attach", lambda: kept)
    with pytest.raises(KeyboardInterrupt):
        with session.machine():
            raise KeyboardInterrupt
    assert not kept.stopped
