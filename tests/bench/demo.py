#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The main job: one HVM guest on real Xen, one ramdisk in dom0, and three ways from one to the other.

Emulated IDE, the kernel's own PV pair and ours take turns within one boot, each measured after a warm-up round
that is thrown away; the report has every run. Ratios are between medians of the same boot: these machines are
shared, and only neighbours in time compare.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/bench")]

import costs  # noqa: E402  the path comes first
import report  # noqa: E402
from bed import devices  # noqa: E402
from bed.layout import BedError, say  # noqa: E402
from bed.machine import Machine, running  # noqa: E402
from bed.pair import served  # noqa: E402
from jobs import JOBS  # noqa: E402

VDEV = "xvde"
PAIRS = {"intree": ("xen-blkfront", "xen-blkback"), "xenpv": ("xenpv_blkfront", "xenpv_blkback")}


@contextlib.contextmanager
def emulated(guest):
    """The IDE disk that QEMU emulates for the guest."""
    modules = ["ata_piix", "sd_mod"]
    for module in modules:
        guest.load(module)
    try:
        guest.run("for n in $(seq 100); do test -b /dev/sda && exit 0; sleep 0.1; done; exit 1")
        yield "/dev/sda"
    finally:
        guest.unload(*reversed(modules))


def open_device(guest, device, ramdisk):
    if device == "emulated":
        return emulated(guest)
    front, back = PAIRS[device]
    return served(guest, front, back, ramdisk, VDEV)


def measure(guest, device, ramdisk, seconds):
    """One turn of a device: {(workload, metric): value}."""
    found = {}
    with open_device(guest, device, ramdisk) as path:
        for job in JOBS:
            ours = device == "xenpv"
            before = costs.snapshot(guest, devices.device_id(VDEV)) if ours else None
            value, _ = job.read(guest.run(job.command(path, seconds), timeout=seconds + 10).json())
            found[job.workload, job.metric] = value
            if ours:
                after = costs.snapshot(guest, devices.device_id(VDEV))
                for name, cost in costs.per_request(before, after).items():
                    found[job.workload, name] = cost
    return found


def _qemu_version():
    said = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0]


def environment(machine, guest, args):
    info = dict(line.split(":", 1) for line in machine.dom0.run("xl info").out.splitlines() if ":" in line)
    info = {key.strip(): value.strip() for key, value in info.items()}
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown")
    return {
        "qemu": _qemu_version(), "accelerator": machine.accel, "host_cpu": cpu,
        "xen": f"{info['xen_version']}", "dom0_kernel": machine.dom0.run("uname -r").out.strip(),
        "guest_kernel": guest.run("uname -r").out.strip(), "guest_type": "hvm, xen_emul_unplug=unnecessary",
        "dom0_vcpus": int(machine.dom0.run("nproc").out), "guest_vcpus": int(guest.run("nproc").out),
        "backing": "brd ramdisk in dom0", "repeats": args.repeats, "seconds_per_job": args.seconds,
        "pairs": PAIRS,
    }


def run(args):
    began = time.monotonic()
    machine = Machine.attach() if running() else Machine.start(modules=ROOT)
    ours = not machine.process
    try:
        ramdisk = machine.dom0.ramdisks()[-1]
        guest = machine.create_guest("demo", kind="hvm", disks=[devices.disk(ramdisk, "hdb", "qdisk")])
        samples = {}
        rounds = args.repeats + 1
        for turn in range(rounds):
            for device in report.DEVICES:
                what = "warm-up" if turn == 0 else f"run {turn} of {args.repeats}"
                say(f"[{time.monotonic() - began:4.0f} s] {what}: {device}")
                found = measure(guest, device, ramdisk, args.warmup if turn == 0 else args.seconds)
                if turn:
                    for (workload, metric), value in found.items():
                        samples.setdefault((workload, device, metric), []).append(value)
        units = {job.metric: job.unit for job in JOBS}
        rows = [report.row(workload, device, metric, units.get(metric, "per request"), runs)
                for (workload, device, metric), runs in samples.items()]
        report.write(args.output, environment(machine, guest, args), rows)
        guest.destroy()
    finally:
        if not ours:
            machine.stop()
    print(report.table(rows, JOBS, [name for name, _, _ in costs.PER_REQUEST]))
    print(f"\n{args.output}: every run, with the environment [{time.monotonic() - began:.0f} s]")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="measured turns of each device (3)")
    parser.add_argument("--seconds", type=int, default=6, help="length of a job (6)")
    parser.add_argument("--warmup", type=int, default=2, help="length of a job in the warm-up turn (2)")
    parser.add_argument("--output", type=Path, default=ROOT / "build/demo/report.json")
    args = parser.parse_args()
    try:
        run(args)
    except BedError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
