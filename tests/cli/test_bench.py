# SPDX-License-Identifier: GPL-2.0-only
"""`xenpv bench` where it does not measure: comparing, listing, refusing. The rest is tests/system/test_cli_bench.py."""

import json
import os
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
    assert line.split()[-2:] == ["1.50x", "better"]
    latency = next(line for line in done.stdout.splitlines() if "latency p99 " in line)
    assert latency.split()[-3:] == ["1.00x", "ranges", "overlap"]


def test_compare_for_programs(files):
    found = json.loads(xenpv("bench", "--json", "--compare", *files).stdout)
    assert len(found["rows"]) == len(samples.disk_rows())
    assert found["rows"][0] | {"times_better": 1.5, "ranges_overlap": False, "verdict": "better"} == found["rows"][0]


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
