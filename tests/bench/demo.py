#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The main job: guests on real Xen, and their disks and networks measured over emulated and PV devices, mode by mode.

In one HVM guest what QEMU emulates, the kernel's own PV pair and ours take turns; then ours alone in each mode in which
Xen runs Linux, and the report says which of them to choose. All is within one boot, after a warm-up that is thrown
away; the report has every run. Ratios are between medians of the same boot.
"""

import argparse
import contextlib
import functools
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/bench")]

import bars  # noqa: E402  the path comes first
import disk  # noqa: E402
import modes  # noqa: E402
import network  # noqa: E402
import report  # noqa: E402
import session  # noqa: E402
import turns  # noqa: E402
from bed import devices, nics  # noqa: E402
from bed.layout import BedError, say  # noqa: E402

TOPICS = {topic.NAME: topic for topic in (disk, network, modes)}


def environment(machine, guest, repeats):
    info = dict(line.split(":", 1) for line in machine.dom0.run("xl info").out.splitlines() if ":" in line)
    info = {key.strip(): value.strip() for key, value in info.items()}
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown")
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "qemu": qemu.splitlines()[0], "accelerator": machine.accel, "host_cpu": cpu,
        "xen": f"{info['xen_version']}", "dom0_kernel": machine.dom0.run("uname -r").out.strip(),
        "guest_kernel": guest.run("uname -r").out.strip(), "guest_type": "hvm, xen_emul_unplug=unnecessary",
        "dom0_vcpus": int(machine.dom0.run("nproc").out), "guest_vcpus": int(guest.run("nproc").out),
        "disk_backing": "brd ramdisk in dom0", "network_peer": "dom0, through its bridge",
        "parts": {topic.NAME: [vars(part) for part in topic.parts(repeats)] for topic in TOPICS.values()},
        "pairs": {topic.NAME: topic.PAIRS for topic in TOPICS.values()},
    }


def _ready(topic, guest):
    """What measures a device: in the one guest, or in the guests that the modes have beside it."""
    if topic is modes:
        return modes.ready(guest)
    return contextlib.nullcontext(functools.partial(topic.measure, guest))


def measure(topics, args, progress, where, samples):
    """Fills in the environment, and the samples of each topic."""
    with session.machine() as machine:
        ide = devices.disk(disk.backing(machine.dom0), "hdb", "qdisk")
        guest = network.make_guest(machine, "demo", list(nics.EMULATED), disks=[ide])
        try:
            where.update(environment(machine, guest, args.repeats))
            for topic in topics:
                with _ready(topic, guest) as take_turn:
                    turns.take(topic.parts(args.repeats), take_turn,
                               lambda text, topic=topic: progress(f"{topic.NAME}, {text}"), samples[topic.NAME])
        finally:
            guest.destroy()


def conclude(topics, output, where, samples):
    """Minutes went into the samples: they are in the file before anything is made of them."""
    found = {topic.NAME: report.rows(samples[topic.NAME], topic.JOBS, topic.COSTS) for topic in topics}
    rows = [row for topic in topics for row in found[topic.NAME]]
    report.write(output, where, rows, [])
    verdicts = [bar.judge(found[topic.NAME]) for topic in topics for bar in topic.BARS]
    report.write(output, where, rows, verdicts)
    for topic in topics:
        print(report.table(found[topic.NAME], topic.JOBS, topic.DEVICES, topic.BASES), end="\n\n")
        for unit, names in topic.COSTS.items():
            print(report.cost_table(found[topic.NAME], topic.JOBS, names, unit), end="\n\n")
    if verdicts:
        print(bars.table(verdicts), end="\n\n")
    if modes in topics:
        print(modes.advise(found[modes.NAME], where.get("accelerator")), end="\n\n")


def run(args, progress):
    topics = [TOPICS[args.only]] if args.only else list(TOPICS.values())
    where, samples = {}, {topic.NAME: {} for topic in topics}
    try:
        measure(topics, args, progress, where, samples)
    except BedError:
        if any(samples.values()):
            conclude(topics, args.output, where, samples)
        raise
    conclude(topics, args.output, where, samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="measured turns of each device (3)")
    parser.add_argument("--only", choices=TOPICS, help="one topic")
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
