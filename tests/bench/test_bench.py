# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmarks do without a machine: reading results, costs, rows, tables, bars, the demo, Ctrl-C."""

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
import quiet  # noqa: E402
import session  # noqa: E402
from bed.layout import BedError  # noqa: E402
from bed.result import Result  # noqa: E402
from values import Samples  # noqa: E402


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
                        "write": {"bw_bytes": 5e6, "iops": 70, "clat_ns": {"percentile": {
                            "50.000000": 2000, "99.000000": 9000}}}}]}
    assert jobs.Job("w", "randwrite", 4, 32, "iops", "IOPS", "s").read(result) == {
        "iops": 70, "latency p50": 2, "latency p99": 9}
    assert jobs.Job("w", "write", 128, 8, "bandwidth", "MB/s", "s").read(result)["bandwidth"] == 5.0
    result["jobs"][0]["error"] = 5
    with pytest.raises(BedError, match="fio reports error 5"):
        jobs.Job("w", "write", 128, 8, "bandwidth", "MB/s", "s").read(result)


def test_a_disk_is_only_written_to_by_jobs_that_write():
    for job in jobs.JOBS:
        command = job.command("/dev/xvde", 3)
        assert ("--readonly" in command) == ("write" not in job.workload)
        assert f"--bs={job.block_kib}k" in command and "--filename=/dev/xvde" in command and "--runtime=3" in command


def iperf(**end):
    return json.dumps({"end": end})


@pytest.mark.parametrize("way, reverse", [(netjobs.UP, False), (netjobs.DOWN, True)])
def test_stream_is_what_the_receiver_got(way, reverse):
    guest = Domain(iperf3=iperf(sum_sent={"bits_per_second": 9e9}, sum_received={"bits_per_second": 8e8}))
    job = next(job for job in netjobs.STREAMS if job.way == way and "4 streams" in job.workload)
    assert job.measure(link(guest, Domain()), 3) == 800
    assert ("-R" in guest.said[0], "-P 4" in guest.said[0], "-t 3" in guest.said[0]) == (reverse, True, True)


@pytest.mark.parametrize("way", [netjobs.UP, netjobs.DOWN])
def test_datagrams_are_counted_where_they_arrive(way):
    ran = {"iperf3 -J": iperf(sum_sent={"seconds": 2.0, "packets": 10**9})}
    counted = {"rx_packets": ["1000\n", "5000\n"]}
    up = way == netjobs.UP
    guest = Domain(**ran) if up else Domain(**ran, **counted)
    dom0 = Domain(**counted) if up else Domain()
    job = next(job for job in netjobs.DATAGRAMS if job.way == way)
    assert job.measure(link(guest, dom0), 2) == 2000
    assert "-u -b 0 -l 64" in " ".join(guest.said) and ("-R" in " ".join(guest.said)) == (not up)
    assert any(("vif3.4" if up else "eth0") in said for said in (dom0 if up else guest).said)


def test_what_iperf_says_is_wrong_is_passed_on():
    with pytest.raises(BedError, match="server is busy"):
        netjobs.STREAMS[0].measure(link(Domain(iperf3='{"error": "server is busy"}'), Domain()), 1)


def full_frames(packets):
    received = {"bits_per_second": 3e6}
    guest = Domain(statistics=["0\n0\n", f"1514000\n{packets}\n"], iperf3=iperf(sum_received=received))
    dom0 = Domain()
    return netjobs.FULL_FRAMES[0], link(guest, dom0), guest, dom0


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


# Reports

JOBS = [types.SimpleNamespace(workload="stream", metric="bandwidth", unit="Mbit/s", short="s"),
        types.SimpleNamespace(workload="pong", metric="latency", unit="us", short="p"),
        types.SimpleNamespace(workload="ours alone", metric="bandwidth", unit="MB/s", short="o")]
COSTS = {"per packet": ["grant hypercalls", "notifications"], "per data packet": ["grant hypercalls, of data"]}
NONE = {("stream", "e1000", "bandwidth"): [5, 4, 5], ("stream", "intree", "bandwidth"): [80, 100, 90],
        ("stream", "xenpv", "bandwidth"): [162, 198, 180], ("pong", "e1000", "latency"): [500],
        ("pong", "intree", "latency"): [100, 90, 110], ("pong", "xenpv", "latency"): [110, 90, 100],
        ("ours alone", "xenpv", "bandwidth"): [7], ("stream", "xenpv", "grant hypercalls"): [0.09, 0.1, 0.08]}
BUSY = {("stream", "intree", "bandwidth"): [40, 50, 44], ("stream", "xenpv", "bandwidth"): [30, 37, 33]}


def sampled(none, **loaded):
    """Samples out of {(workload, device, metric): values by turn}, for each load."""
    made = Samples()
    for load, found in {"none": none, **loaded}.items():
        for (workload, device, metric), values in found.items():
            for turn, value in enumerate(values, 1):
                made.add(load, turn, device, workload, {metric: value})
    return made


@pytest.fixture
def samples():
    return sampled(NONE, dom0=BUSY)


def test_rows_have_turns_spread_and_costs(samples):
    rows = report.rows(samples, JOBS, COSTS)
    assert report.find(rows, "none", "stream", "xenpv", "bandwidth") == {
        "workload": "stream", "device": "xenpv", "metric": "bandwidth", "unit": "Mbit/s", "load": "none",
        "runs": [162, 198, 180], "turns": [1, 2, 3], "median": 180, "min": 162, "max": 198,
        "counters": {"per packet": {"grant hypercalls": 0.09}}}
    assert report.find(rows, "none", "ours alone", "xenpv", "bandwidth")["unit"] == "MB/s"
    assert report.find(rows, "dom0", "stream", "intree", "bandwidth")["median"] == 44
    assert all(row["metric"] in ("bandwidth", "latency") for row in rows)


def test_percentiles_are_rows_beside_the_jobs_own():
    rows = report.rows(sampled({("stream", "xenpv", "bandwidth"): [1], ("stream", "xenpv", "latency p99"): [3]}),
                       JOBS, {})
    assert report.find(rows, "none", "stream", "xenpv", "latency p99")["unit"] == "us"


def test_a_table_has_loads_intervals_and_no_difference(samples):
    lines = report.table(samples, JOBS, {"e1000": "e1000", "intree": "in-tree pair", "xenpv": "xenpv"},
                         {"e1000": "e1000", "intree": "in-tree"}, ["none", "dom0", "guest"]).split("\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["workload", "load", "e1000", "in-tree pair", "xenpv", "ratio to e1000", "ratio to in-tree"]
    assert set("".join(cells[1])) == {"-"} and len({len(line) for line in lines}) == 1
    quiet_stream, busy_stream, pong, alone = cells[2:]
    assert quiet_stream[:5] == ["stream, Mbit/s", "none", "5", "90", "180"]
    assert quiet_stream[6].startswith("2.00x (1.") and quiet_stream[5].startswith("38.7x (")
    assert busy_stream[1] == "dom0" and busy_stream[2] == "-" and busy_stream[6].startswith("0.75x (0.7")
    assert pong[5] == "-" and pong[6].startswith("no difference shown (0.")
    assert alone == ["ours alone, MB/s", "none", "-", "-", "7", "-", "-"]


def test_half_the_time_is_twice_as_good():
    pong = sampled({("pong", "intree", "latency"): [100, 102, 98], ("pong", "xenpv", "latency"): [50, 51, 49]})
    assert report.table(pong, JOBS, {"xenpv": "xenpv"}, {"intree": "in-tree"}, ["none"]).split("\n")[2].endswith(
        "| 2.00x (2.00-2.00) |")


def test_ratios_are_there_for_programs(samples):
    found = report.ratios(samples, JOBS, ["e1000", "intree"], ["none", "dom0"])
    assert [(one["workload"], one["load"], one["over"]) for one in found] == [
        ("stream", "none", "e1000"), ("stream", "none", "intree"), ("stream", "dom0", "intree"),
        ("pong", "none", "intree")]
    stream = found[1]
    assert (stream["device"], stream["turns"]) == ("xenpv", 3)
    assert stream["low"] < 2 < stream["high"] and stream["value"] == pytest.approx(2, rel=0.01)


def test_cost_table(samples):
    lines = report.cost_table(samples, JOBS, ["grant hypercalls"], "per packet", ["none", "dom0"]).split("\n")
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == ["grant hypercalls", "none", "0.090", "-", "-"]
    assert len(lines) == 3
    assert report.cost_table(samples, JOBS, ["notifications"], "per packet", ["none"]) == ""


@pytest.mark.parametrize("bar, verdict", [
    (bars.Ratio("stream", "bandwidth", "intree", 1.9), "met"),
    (bars.Ratio("stream", "bandwidth", "intree", 2.1), "missed"),
    (bars.Ratio("stream", "bandwidth", "intree", 1, load="dom0"), "missed"),
    (bars.Ratio("pong", "latency", "intree", 1), "not decided"),
    (bars.Ratio("pong", "latency", "e1000", 1), "not decided"),
    (bars.Cost("stream", "grant hypercalls", "per packet", 0.2), "met"),
    (bars.Cost("stream", "grant hypercalls", "per packet", 0.09), "not decided"),
    (bars.Cost("stream", "grant hypercalls", "per packet", 0.05), "missed")])
def test_bars_are_judged_by_the_interval(samples, bar, verdict):
    found = bar.judge(samples)
    assert found["verdict"] == verdict
    if found["value"] is not None:
        assert found["low"] <= found["value"] <= found["high"] and found["turns"] == 3
    assert bars.table([found]).split("\n")[0].endswith(verdict)


def test_bars_are_counted_by_verdict(samples):
    judged = [bar.judge(samples) for bar in (bars.Ratio("stream", "bandwidth", "intree", 1.5),
                                             bars.Ratio("stream", "bandwidth", "intree", 3),
                                             bars.Ratio("pong", "latency", "intree", 1),
                                             bars.Ratio("nothing", "bandwidth", "intree", 1))]
    assert bars.table(judged).endswith("\n4 bars: 1 met, 1 missed, 1 not decided, 1 not measured")


@pytest.mark.parametrize("bar", [
    bars.Ratio("pong", "latency", "rtl8139", 0), bars.Ratio("ours alone", "bandwidth", "intree", 0),
    bars.Ratio("nothing", "bandwidth", "intree", 0), bars.Cost("stream", "notifications", "per packet", 9),
    bars.Cost("stream", "no such cost", "per packet", 9)])
def test_a_bar_that_was_not_measured_is_neither_met_nor_missed(samples, bar):
    found = bar.judge(samples)
    assert (found["value"], found["verdict"]) == (None, "not measured") and not bar.decided(samples)
    assert bars.table([found]).endswith("1 bars: 0 met, 1 not measured")


def test_a_bar_over_a_device_that_stood_still_is_not_decided():
    found = sampled({("w", "intree", "m"): [0, 1, 1], ("w", "xenpv", "m"): [5, 5, 5]})
    assert bars.Ratio("w", "m", "intree", 2).judge(found)["verdict"] == "not decided"


@pytest.mark.parametrize("topic", demo.TOPICS.values(), ids=demo.TOPICS)
def test_every_bar_and_base_is_measured(topic):
    plan = topic.plan("none", topic.JOBS)
    assert set(plan.devices) == set(topic.DEVICES) and set(topic.BASES) < set(topic.DEVICES)
    found = Samples()
    for job in topic.JOBS:
        for device in plan.of(job):
            costs_of_ours = [name for names in topic.COSTS.values() for name in names] if device == "xenpv" else []
            for turn in (1, 2, 3):
                found.add("none", turn, device, job.workload, dict.fromkeys([job.metric, *costs_of_ours], turn))
    verdicts = [bar.judge(found) for bar in topic.BARS]
    assert len({v["what"] for v in verdicts}) == len(verdicts)
    assert all(v["value"] is not None for v in verdicts)


@pytest.mark.parametrize("topic", [demo.disk, demo.network], ids=lambda topic: topic.NAME)
def test_every_workload_has_loaded_rows_with_the_bases_and_the_ceiling(topic):
    assert list(topic.LOADS) == ["none", "dom0", "guest"]
    for load in topic.LOADS:
        plan = topic.plan(load, topic.JOBS)
        for job in topic.JOBS:
            alone = job in netjobs.FULL_FRAMES
            assert set(plan.of(job)) >= ({"xenpv"} if alone else {"xenpv", "dom0", *topic.BASES})


def test_bars_of_packets_say_what_counts():
    counted = [bar.judge(Samples())["what"] for bar in network.BARS if isinstance(bar, bars.Cost)]
    assert len(counted) == 6 and all(what.endswith(" per packet, acks counted") for what in counted)


def test_names_are_told_apart():
    for topic in demo.TOPICS.values():
        for name in ("workload", "short"):
            assert len({getattr(job, name) for job in topic.JOBS}) == len(topic.JOBS)


# The demo

MTU = netjobs.FULL_FRAMES[0]
SOME = {(MTU.workload, "xenpv", "bandwidth"): [1, 1], (MTU.workload, "xenpv", "grant hypercalls"): [0.2, 0.2],
        (MTU.workload, "xenpv", "grant hypercalls, of data"): [0.3, 0.3]}


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Starts the demo's run with something in place of its measurements; returns the report."""
    def start(measure, **options):
        monkeypatch.setattr(demo, "measure", measure)
        args = types.SimpleNamespace(**{"only": "network", "output": tmp_path / "report.json", "minutes": 1,
                                        "load": None, "job": None, **options})
        try:
            demo.run(args, print)
        finally:
            start.report = json.loads(args.output.read_text()) if args.output.exists() else None
        return start.report
    return start


def find_some(what, minutes, progress):
    what.where["accelerator"] = "none"
    what.samples["network"] = sampled(SOME)
    what.calibration = quiet.Calibration([], cores=[0], work=lambda core: 1)


def test_both_counts_of_packets_are_shown(started, capsys):
    written = started(find_some)
    assert (written["format"], written["version"]) == ("xenpv bench results", 2)
    [row] = written["rows"]
    assert row["counters"] == {"per packet, acks counted": {"grant hypercalls": 0.2},
                               "per data packet": {"grant hypercalls, of data": 0.3}}
    assert written["calibration"]["quiet"]
    shown = capsys.readouterr().out
    assert "| xenpv, per packet, acks counted" in shown and "| xenpv, per data packet" in shown
    assert "The machine was quiet" in shown


def test_a_machine_that_was_not_quiet_is_said(started, capsys):
    def disturbed(*args):
        find_some(*args)
        args[0].calibration.parts.append(("network, load none", 0.4, 0))
    written = started(disturbed)
    assert written["calibration"]["why"] == ["network, load none: other programs had 40% of the CPUs"]
    assert "NOT QUIET" in capsys.readouterr().out


def test_the_report_is_there_before_it_is_judged(started, monkeypatch):
    monkeypatch.setattr(bars.Ratio, "judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        started(find_some)
    assert len(started.report["rows"]) == 1


def test_what_was_measured_before_an_error_is_kept(started, capsys):
    def fail(*args):
        find_some(*args)
        raise BedError("the guest died")

    with pytest.raises(BedError, match="the guest died"):
        started(fail)
    assert len(started.report["rows"]) == 1
    assert {v["verdict"] for v in started.report["verdicts"]} == {"not measured", "missed"}
    assert f"{len(network.BARS)} bars: 0 met, 1 missed, {len(network.BARS) - 1} not measured" in capsys.readouterr().out


def test_an_error_before_anything_was_measured_leaves_the_last_report(started):
    def fail(*_):
        raise BedError("no bed")

    with pytest.raises(BedError):
        started(fail)
    assert started.report is None


def test_jobs_and_loads_are_chosen(started):
    def look(what, minutes, progress):
        look.jobs = {name: [job.short for job in jobs] for name, jobs in what.jobs.items()}
        look.phases = [(topic.NAME, of) for topic, of in what.phases()]
        find_some(what, minutes, progress)
    written = started(look, only=None, load=["dom0"], job=["TCP 1", "QD1"])
    assert look.jobs == {"disk": ["rread 4K 1", "rwrite 4K 1"], "network": ["TCP 1 up", "TCP 1 down"],
                         "modes": ["TCP 1 up", "TCP 1 down"]}
    assert look.phases == [("disk", ["dom0"]), ("network", ["dom0"]), ("modes", [])]
    assert written["verdicts"] == []
    with pytest.raises(BedError, match="no job has tape"):
        started(look, job=["tape"])


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
    monkeypatch.setattr(session.runs, "alive", dict)
    monkeypatch.setattr(session.Machine, "start", lambda modules, name, lane: lane == "parallel" and made)
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
    monkeypatch.setattr(session.runs, "alive", lambda: {session.runs.DEFAULT_NAME: {"pid": 1}})
    monkeypatch.setattr(session.Machine, "attach", lambda: kept)
    with pytest.raises(KeyboardInterrupt):
        with session.machine():
            raise KeyboardInterrupt
    assert not kept.stopped
