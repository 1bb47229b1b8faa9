# SPDX-License-Identifier: GPL-2.0-only
"""Results as `xenpv bench` and `make demo` write them, with figures like real ones."""

import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("system", "bench")]

import jobs  # noqa: E402  the path comes first
import report  # noqa: E402
from values import Samples  # noqa: E402

DISK = {  # workload: (metric, unit, {device: median})
    "sequential read 128 KiB QD8": ("bandwidth", "MB/s", {"emulated": 11.5, "intree": 289, "xenpv": 524}),
    "sequential write 128 KiB QD8": ("bandwidth", "MB/s", {"emulated": 10.8, "intree": 313, "xenpv": 582}),
    "random read 4 KiB QD32": ("iops", "IOPS", {"emulated": 87, "intree": 2543, "xenpv": 18917}),
    "random write 4 KiB QD32": ("iops", "IOPS", {"emulated": 84, "intree": 3075, "xenpv": 16844}),
    "random read 4 KiB QD1": ("iops", "IOPS", {"emulated": 115, "intree": 2495, "xenpv": 2430}),
    "random write 4 KiB QD1": ("iops", "IOPS", {"emulated": 110, "intree": 2405, "xenpv": 2466}),
}
NETWORK = {
    "TCP 1 stream guest to server": ("bandwidth", "Mbit/s", {"emulated": 6.1, "xenpv": 1681}),
    "TCP 4 streams server to guest": ("bandwidth", "Mbit/s", {"emulated": 52, "xenpv": 2761}),
    "UDP 64 B guest to server": ("packets", "packets/s", {"emulated": 314, "xenpv": 34552}),
}


def row(workload, device, metric, unit, runs, **more):
    return {"workload": workload, "device": device, "metric": metric, "unit": unit, "load": "none", "runs": runs,
            "turns": list(range(1, len(runs) + 1)), "median": statistics.median(runs), "min": min(runs),
            "max": max(runs), **more}


def around(value):
    return [round(value * factor, 2) for factor in (1, 0.93, 1.05)]


def histogram(middle_us):
    """A hump with a tail, in bars of a quarter of an octave."""
    share = [0.004, 0.02, 0.09, 0.21, 0.27, 0.2, 0.1, 0.05, 0.025, 0.012, 0.008, 0.004, 0.003, 0.002, 0.001, 0.001]
    return {"upper_us": [round(middle_us * 2 ** ((i - 4) / 4), 4) for i in range(len(share))], "share": share}


def disk_rows(scale=1):
    rows = []
    for workload, (metric, unit, medians) in DISK.items():
        for device, median in medians.items():
            us = 250 * 2430 / (median if metric == "iops" else median * 8)
            costs = {"interrupts of the guest": 4.2 / median ** 0.3, "CPU time of the guest, us": 900 / median ** 0.5}
            if device == "xenpv":
                costs |= {"notifications front to back": 0.0625, "notifications back to front": 0.07}
            rows.append(row(workload, device, metric, unit, around(median * scale),
                            counters={"per request": costs}, histogram=histogram(us)))
            rows += [row(workload, device, f"latency {name}", "us", around(us * factor))
                     for name, factor in (("p50", 1), ("p99", 4.3), ("p99.9", 11))]
    return rows


def network_rows():
    costs = {"per packet": {"interrupts of the guest": 0.4}}
    return [row(workload, device, metric, unit, around(median), counters=costs)
            for workload, (metric, unit, medians) in NETWORK.items() for device, median in medians.items()]


def results(rows=None, version=2):
    return {"format": "xenpv bench results", "version": version,
            "environment": {"measured": "2024-05-01 12:00 UTC", "mode": "PVHVM", "xen": "4.17.4",
                            "kernel": "6.1.0-56-amd64", "vcpus": "2",
                            "cpu": "A CPU with a long name @ 2.60GHz, Extended Model 17 Stepping 3",
                            "kernel_command_line": "root=UUID=0123456789abcdef0123456789abcdef ro quiet " * 3},
            "rows": disk_rows() + network_rows() if rows is None else rows}


def bed_report():
    """What the demo writes, by its own code: loads, the ceiling, a machine that was not quiet; and what is to be
    measured of the whole machine."""
    found = Samples()
    drift = (1, 0.7, 1.2, 0.9)
    for workload, (metric, _, medians) in DISK.items():
        for load, slower in (("none", 1), ("dom0", 0.4), ("guest", 0.5)):
            for device, median in {**medians, "dom0": 4 * medians["xenpv"]}.items():
                for turn, speed in enumerate(drift, 1):
                    noise = 1 + 0.02 * ((turn * len(device)) % 3)
                    found.add(load, turn, device, workload, {metric: median * slower * speed * noise})
    rows = report.rows(found, jobs.JOBS, {})
    for one in rows:
        if one["device"] in ("intree", "xenpv") and one["load"] == "none":
            one["cost"] = {"instructions": 30000 if one["device"] == "intree" else 21000}
            one["causes"] = {"hypercalls": 0.5 if one["device"] == "intree" else 0.1, "exits": 1.5}
    bases = ["emulated", "intree", "dom0"]
    return {"format": report.FORMAT, "version": report.VERSION, "environment": {"xen": "4.17", "guest_kernel": "6.1"},
            "calibration": {"quiet": False, "why": ["disk, load none: other programs had 40% of the CPUs"]},
            "rows": rows, "ratios": report.ratios(found, jobs.JOBS, bases, ["none", "dom0", "guest"]), "verdicts": []}


def demo_report():
    """The rows of the demo before they had a version, where costs are rows of their own."""
    rows = [row(workload, device, metric, unit, around(median))
            for workload, (metric, unit, medians) in DISK.items() for device, median in medians.items()]
    rows += [row(workload, "xenpv", "map hypercalls", "per request", [0.01, 0.02, 0.01]) for workload in DISK]
    rows += [row("TCP 1 stream guest to dom0", device, "bandwidth", "Mbit/s", around(median))
             for device, median in {"e1000": 6.1, "rtl8139": 3.9, "intree": 1140, "xenpv": 1681}.items()]
    rows += [row("UDP 64 B round trip", device, "latency", "us", around(median))
             for device, median in {"e1000": 4692, "rtl8139": 6770, "intree": 722, "xenpv": 656}.items()]
    return {"environment": {"xen": "4.17", "guest_kernel": "6.1", "dom0_vcpus": 1,
                            "parts": {"disk": [{"device": "xenpv", "repeats": 3, "seconds": 4}]}},
            "rows": rows, "verdicts": []}
