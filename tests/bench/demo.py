#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The main job: guests on real Xen, and their disks and networks measured over emulated and PV devices, mode by mode.

In one HVM guest what QEMU emulates, the kernel's own PV pair and ours take turns, and dom0 itself beside them as the
ceiling; first alone, then with a busy dom0, then with another guest that computes. Then ours alone in each mode in
which Xen runs Linux, and the report says which of them to choose. All is within one boot, after a warm-up that is
thrown away; ratios are of neighbours in time, with the interval that their spread leaves; the report has every run.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/bench")]

import bars  # noqa: E402  the path comes first
import disk  # noqa: E402
import loads  # noqa: E402
import modes  # noqa: E402
import network  # noqa: E402
import quiet  # noqa: E402
import report  # noqa: E402
import session  # noqa: E402
import turns  # noqa: E402
from bed import devices, nics  # noqa: E402
from bed.layout import BedError, say  # noqa: E402
from values import Samples  # noqa: E402

TOPICS = {topic.NAME: topic for topic in (disk, network, modes)}


def environment(machine, guest):
    info = dict(line.split(":", 1) for line in machine.dom0.run("xl info").out.splitlines() if ":" in line)
    info = {key.strip(): value.strip() for key, value in info.items()}
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown")
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "qemu": qemu.splitlines()[0], "accelerator": machine.accel, "host_cpu": cpu, "host_cpus": os.cpu_count(),
        "xen": f"{info['xen_version']}", "dom0_kernel": machine.dom0.run("uname -r").out.strip(),
        "guest_kernel": guest.run("uname -r").out.strip(), "guest_type": "hvm, xen_emul_unplug=unnecessary",
        "dom0_vcpus": int(machine.dom0.run("nproc").out), "guest_vcpus": int(guest.run("nproc").out),
        "disk_backing": "brd ramdisks in dom0", "network_peer": "dom0, through its bridge", "loads": loads.LOADS,
    }


class Measurement:
    """What a run has come to, so far: it is there whatever comes after it."""

    def __init__(self, args):
        self.jobs = {name: [job for job in topic.JOBS if is_chosen(job, args.job)]
                     for name, topic in TOPICS.items() if args.only in (None, name)}
        self.topics = [TOPICS[name] for name, jobs in self.jobs.items() if jobs]
        self.loads = args.load or list(loads.LOADS)
        self.where = {}
        self.samples = {topic.NAME: Samples() for topic in self.topics}
        self.calibration = None

    def phases(self):
        """(topic, its loads) in order."""
        return [(topic, [load for load in self.loads if load in topic.LOADS]) for topic in self.topics]


def is_chosen(job, words):
    return not words or any(word in job.workload for word in words)


def measure(what, minutes, progress):
    """Fills in the environment, the calibration, and the samples of each topic."""
    with session.machine() as machine:
        ide = devices.disk(disk.backing(machine.dom0), "hdb", "qdisk")
        guest = network.make_guest(machine, "demo", list(nics.EMULATED), disks=[ide])
        try:
            what.where.update(environment(machine, guest))
            what.calibration = quiet.Calibration([machine.pid, os.getpid()])
            take_all(what, machine, guest, time.monotonic() + 60 * minutes, progress)
        finally:
            guest.destroy()


def take_all(what, machine, guest, until, progress):
    """The time that is left is shared by the phases that are left."""
    left = sum(len(of) for _, of in what.phases())
    for topic, of in what.phases():
        if not of:
            continue
        with topic.ready(guest) as take_turn:
            for load in of:
                plan = topic.plan(load, what.jobs[topic.NAME])
                name = f"{topic.NAME}, load {load}"
                now = time.monotonic()
                # Under a load it is the load that would be timed.
                between = what.calibration.probe if load == "none" else lambda: None
                what.calibration.probe()
                with loads.under(load, machine), what.calibration.watch(name):
                    turns.take(plan, take_turn, lambda text, name=name: progress(f"{name}, {text}"),
                               what.samples[topic.NAME], now + (until - now) / left, between)
                what.calibration.probe()
                left -= 1


def conclude(what, output):
    """Minutes went into the samples: they are in the file before anything is made of them."""
    content = {"environment": what.where, "rows": [], "ratios": [], "verdicts": []}
    if what.calibration:
        content["calibration"] = what.calibration.report()
    for topic in what.topics:
        content["rows"] += report.rows(what.samples[topic.NAME], topic.JOBS, topic.COSTS)
    report.write(output, content)
    for topic in what.topics:
        content["ratios"] += report.ratios(what.samples[topic.NAME], topic.JOBS, topic.BASES, topic.LOADS)
    chosen = {job.workload for jobs in what.jobs.values() for job in jobs}
    content["verdicts"] = [bar.judge(what.samples[topic.NAME]) for topic in what.topics for bar in topic.BARS
                           if bar.workload in chosen and bar.load in what.loads]
    report.write(output, content)
    show(what, content)


def show(what, content):
    for topic in what.topics:
        samples = what.samples[topic.NAME]
        jobs = what.jobs[topic.NAME]
        print(report.table(samples, jobs, topic.DEVICES, topic.BASES, topic.LOADS), end="\n\n")
        for unit, names in topic.COSTS.items():
            if costs := report.cost_table(samples, jobs, names, unit, topic.LOADS):
                print(costs, end="\n\n")
    print("Medians; ratios are of neighbouring turns, with the interval of 95 %. Loads: " +
          "; ".join(f"{load}, {text}" for load, text in loads.LOADS.items()) + ".")
    if "calibration" in content:
        print(quiet.told(content["calibration"]), end="\n\n")
    if content["verdicts"]:
        print(bars.table(content["verdicts"]), end="\n\n")
    if modes in what.topics:
        print(modes.advise(what.samples[modes.NAME], what.where.get("accelerator")), end="\n\n")


def run(args, progress):
    what = Measurement(args)
    if not what.topics:
        raise BedError(f"no job has {' or '.join(args.job)} in its name: `xenpv bench --list` shows them")
    try:
        measure(what, args.minutes, progress)
    except BedError:
        if any(what.samples.values()):
            conclude(what, args.output)
        raise
    conclude(what, args.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60,
                        help=f"when no more turns begin (60); {turns.LEAST} of each job are taken in any case")
    parser.add_argument("--only", choices=TOPICS, help="one topic")
    parser.add_argument("--load", action="append", choices=loads.LOADS, help="only under these loads (all)")
    parser.add_argument("--job", action="append", metavar="TEXT", help="only workloads with this in their name (all)")
    parser.add_argument("--output", type=Path, default=ROOT / "build/demo/report.json")
    args = parser.parse_args()
    began = time.monotonic()
    try:
        run(args, lambda text: say(f"[{time.monotonic() - began:4.0f} s] {text}"))
    except BedError as error:
        print(f"demo: {session.explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; what was made is kept, run it again", file=sys.stderr)
        return 130
    print(f"{args.output}: every run, with the environment [{time.monotonic() - began:.0f} s]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
