#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The main job: one HVM guest on real Xen, and its disk and its network measured over emulated and PV devices.

What QEMU emulates, the kernel's own PV pair and ours take turns within one boot, after a warm-up that is thrown away;
the report has every run. Ratios are between medians of the same boot.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/bench")]

import bars  # noqa: E402  the path comes first
import disk  # noqa: E402
import network  # noqa: E402
import report  # noqa: E402
import session  # noqa: E402
import turns  # noqa: E402
from bed import devices, nics  # noqa: E402
from bed.layout import BedError, say  # noqa: E402

HALVES = {half.NAME: half for half in (disk, network)}


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
        "parts": {half.NAME: [vars(part) for part in half.parts(repeats)] for half in HALVES.values()},
        "pairs": {half.NAME: half.PAIRS for half in HALVES.values()},
    }


def measure(halves, args, progress, where, samples):
    """Fills in the environment, and the samples of each half."""
    with session.machine() as machine:
        ide = devices.disk(disk.backing(machine.dom0), "hdb", "qdisk")
        guest = network.make_guest(machine, "demo", list(nics.EMULATED), disks=[ide])
        try:
            where.update(environment(machine, guest, args.repeats))
            for half in halves:
                turns.take(half.parts(args.repeats), lambda *turn, half=half: half.measure(guest, *turn),
                           lambda text, half=half: progress(f"{half.NAME}, {text}"), samples[half.NAME])
        finally:
            guest.destroy()


def conclude(halves, output, where, samples):
    """Minutes went into the samples: they are in the file before anything is made of them."""
    found = {half.NAME: report.rows(samples[half.NAME], half.JOBS, half.COSTS) for half in halves}
    rows = [row for half in halves for row in found[half.NAME]]
    report.write(output, where, rows, [])
    verdicts = [bar.judge(found[half.NAME]) for half in halves for bar in half.BARS]
    report.write(output, where, rows, verdicts)
    for half in halves:
        print(report.table(found[half.NAME], half.JOBS, half.DEVICES, half.BASES), end="\n\n")
        for unit, names in half.COSTS.items():
            print(report.cost_table(found[half.NAME], half.JOBS, names, unit), end="\n\n")
    print(bars.table(verdicts), end="\n\n")


def run(args, progress):
    halves = [HALVES[args.only]] if args.only else list(HALVES.values())
    where, samples = {}, {half.NAME: {} for half in halves}
    try:
        measure(halves, args, progress, where, samples)
    except BedError:
        if any(samples.values()):
            conclude(halves, args.output, where, samples)
        raise
    conclude(halves, args.output, where, samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="measured turns of each device (3)")
    parser.add_argument("--only", choices=HALVES, help="one half")
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
