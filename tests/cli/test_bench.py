# SPDX-License-Identifier: GPL-2.0-only
"""`xenpv bench` where it does not measure: comparing, listing, refusing. The rest is tests/system/test_cli_bench.py."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import samples
from command import BINARY, refused, xenpv


@pytest.fixture
def files(tmp_path):
    """Yesterday's and today's results: today is faster."""
    paths = []
    for name, scale in (("yesterday", 1), ("today", 1.5)):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(samples.results(samples.disk_rows(scale))))
    return paths


def test_compare_says_how_many_times_better(files):
    done = xenpv("bench", "--compare", *files)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines()
                if line.startswith("random read 4 KiB QD32") and "iops" in line and "xenpv" in line)
    assert re.search(r"1\.50x \(1\.\d\d-1\.\d\d\)  +better$", line), line
    latency = next(line for line in done.stdout.splitlines() if "latency p99 " in line)
    assert re.search(r"1\.00x \(0\.\d\d-1\.\d\d\)  +no difference shown$", latency), latency


def test_compare_for_programs(files):
    found = json.loads(xenpv("bench", "--json", "--compare", *files).stdout)
    assert len(found["rows"]) == len(samples.disk_rows())
    first = found["rows"][0]
    assert first | {"load": "none", "verdict": "better"} == first
    assert first["times_better"] == pytest.approx(1.5, rel=0.01)
    assert 1 < first["interval"][0] < 1.5 < first["interval"][1]


@pytest.fixture
def bed(tmp_path):
    """What the demo writes."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(samples.bed_report()))
    return path


def test_a_guest_and_the_bed_are_laid_beside_each_other(files, bed):
    done = xenpv("bench", "--compare", files[0], bed)
    assert done.returncode == 0, done.stderr
    assert "xenpv/intree" in done.stdout and "B: THE MACHINE WAS NOT QUIET" in done.stdout
    assert "only in B: random read 4 KiB QD1, dom0 busy, xenpv, iops" in done.stdout
    assert "only in B: random read 4 KiB QD1, dom0, iops" in done.stdout  # the ceiling
    found = json.loads(xenpv("bench", "--json", "--compare", files[0], bed).stdout)
    assert {row["workload"] for row in found["rows"]} == set(samples.DISK)
    assert all(row["agree"] in (True, False) for row in found["ratios"] if row["metric"] == "iops")


def test_two_runs_of_the_bed_compare_under_every_load_with_costs(bed):
    done = xenpv("bench", "--compare", bed, bed)
    rows = [line for line in done.stdout.splitlines() if line.startswith("random read 4 KiB QD1 ")]
    assert {re.split("  +", line)[1] for line in rows} >= {"none", "dom0", "guest"}
    assert any("instructions" in line and "21000" in line for line in done.stdout.splitlines())
    assert any(line.startswith("hypercalls") for line in done.stdout.splitlines())
    assert done.stdout.count("  agree") > 30 and "  differ" not in done.stdout


def test_the_command_and_the_bed_find_the_same_ratios(bed):
    """Two programs, one method: what the demo has written is what the command makes of its runs."""
    made = json.loads(bed.read_text())
    found = {(one["workload"], one["load"], one["device"], one["over"]): one["a"]
             for one in json.loads(xenpv("bench", "--json", "--compare", bed, bed).stdout)["ratios"]}
    assert len(made["ratios"]) == 6 * 3 * 3
    for one in made["ratios"]:
        other = found[one["workload"], one["load"], one["device"], one["over"]]
        assert [other["value"], *other["interval"]] == pytest.approx([one["value"], one["low"], one["high"]], rel=2e-3)


def test_old_results_are_read_and_named(files):
    old = json.loads(files[0].read_text()) | {"version": 1}
    for row in old["rows"]:
        del row["load"], row["turns"]
    files[0].write_text(json.dumps(old))
    done = xenpv("bench", "--compare", *files)
    assert done.returncode == 0 and f"note: {files[0]} holds results of before version 2" in done.stderr
    assert "1.50x (1." in done.stdout


def test_what_is_wrong_with_a_file_is_named(files):
    good = json.loads(files[1].read_text())

    def said(change):
        broken = json.loads(json.dumps(good))
        change(broken)
        files[1].write_text(json.dumps(broken))
        return refused(2, "bench", "--compare", *files)

    assert f'{files[1]}: the file has no list "rows"' in said(lambda c: c.pop("rows"))
    assert f'{files[1]}: row 2 has no text "metric"' in said(lambda c: c["rows"][2].pop("metric"))
    assert f'{files[1]}: row 1 has "turns" that do not fit' in said(lambda c: c["rows"][1]["turns"].pop())
    assert f'{files[1]}: row 0 has a "load"' in said(lambda c: c["rows"][0].update(load="both"))
    assert f'{files[1]}: row 0 has in "cost" a "x"' in said(lambda c: c["rows"][0].update(cost={"x": []}))
    assert "version 9; this xenpv reads versions 1 and 2" in said(lambda c: c.update(version=9))
    assert f"{files[1]} holds no measurement" in said(lambda c: c.update(rows=[]))
    text = json.dumps(good)
    files[1].write_text(text[:-100])
    assert f"{files[1]} ends in the middle, after {len(text) - 100} bytes" in refused(2, "bench", "--compare", *files)


def test_compare_refuses(files, tmp_path):
    assert "No such file" in refused(2, "bench", "--compare", files[0], tmp_path / "absent")
    refused(2, "bench", "--compare", files[0])
    refused(2, "bench", "--compare", *files, "--disk", "/dev/xvda")
    other = tmp_path / "network.json"
    other.write_text(json.dumps(samples.results(samples.network_rows())))
    assert "no measurement in common" in refused(2, "bench", "--compare", files[0], other)


def test_names_cannot_reach_into_the_terminal(tmp_path):
    common = samples.row("w\x1b[2J", "xenpv\x07", "iops", "IOPS", [1])
    only = samples.row("x\x1b[2J", "emulated\x07", "iops", "IOPS", [1])
    paths = [tmp_path / "hostile.json", tmp_path / "other.json"]
    for path, rows in zip(paths, ([common, only], [common])):
        path.write_text(json.dumps(samples.results(rows)))
    said = xenpv("bench", "--compare", *paths).stdout
    assert "only in A: x" in said and "\x1b" not in said and "\x07" not in said


def test_jobs_are_listed_with_their_commands():
    said = xenpv("bench", "--list").stdout
    assert "random read 4 KiB QD32, IOPS" in said and "--rw=randread" in said and "iperf3 -J" in said


@pytest.mark.skipif(os.path.exists("/sys/hypervisor/type"), reason="this machine is itself under Xen")
def test_outside_of_xen_nothing_is_found():
    assert "no guest of Xen" in refused(4, "bench")


@pytest.mark.skipif(os.geteuid() != 0 or not any(Path("/sys/block").glob("[shvn]*")),
                    reason="not root, who could become somebody else, or no disk that could be refused")
def test_without_privileges(tmp_path):
    disk = next(one for one in Path("/sys/block").glob("[shvn]*") if int((one / "size").read_text())).name
    shutil.copy(BINARY, tmp_path / "xenpv")
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    done = subprocess.run([tmp_path / "xenpv", "bench", "--disk", disk], user="nobody", cwd="/", capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert f"cannot open /dev/{disk}: Permission denied" in done.stderr and "sudo xenpv bench" in done.stderr


def test_unknown_devices_and_bad_numbers(tmp_path):
    assert "there is no disk /dev/xvdzz" in refused(2, "bench", "--disk", "/dev/xvdzz")
    network = ["--only", "network", "--server", "127.0.0.1"]
    assert "there is no NIC eth99" in refused(2, "bench", *network, "--nic", "eth99")
    for wrong in (["--repeats", "0"], ["--runtime", "x"], ["--port", "70000"], ["--only", "both"], ["--frobnicate"]):
        refused(2, "bench", *wrong)
    assert list(tmp_path.iterdir()) == []
