#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measures network links of a guest on the test bed: PV pairs FRONT:BACK, and NICs that QEMU emulates.

    tests/bench/netbench.py xen-netfront:xen-netback xenpv_netfront:xenpv_netback e1000
"""

import argparse
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/bench")]

import netjobs  # noqa: E402  the path comes first
import network  # noqa: E402
import session  # noqa: E402
from bed import nics  # noqa: E402
from bed.layout import BedError, say  # noqa: E402
from values import Samples  # noqa: E402


def table(samples, jobs):
    for job in jobs:
        for load, workload, device, metric in samples:
            if workload == job.workload:
                values = samples.turns(load, workload, device, metric).values()
                spread = f" ({min(values):.4g} to {max(values):.4g})" if len(values) > 1 else ""
                unit = job.unit if metric == job.metric else f"{metric} per packet"
                print(f"{workload:<32}{device:<32}{statistics.median(values):>10.4g} {unit}{spread}")


def run(args):
    jobs = [job for job in network.JOBS if not args.job or job.short in args.job]
    samples = Samples()
    with session.machine() as machine:
        guest = network.make_guest(machine, "netbench", [d for d in args.device if d in nics.EMULATED])
        try:
            for turn in range(1, args.repeats + 1):
                for device in args.device:
                    say(f"run {turn} of {args.repeats}: {device}")
                    with network.open_link(guest, device) as link:
                        for job in jobs:
                            samples.add("none", turn, device, job.workload, netjobs.measure(link, args.seconds, job))
            table(samples, jobs)
        finally:
            guest.destroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("device", nargs="+", help="FRONT:BACK (modules), e1000 or rtl8139")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=5, help="length of a job (5)")
    parser.add_argument("--job", action="append", choices=[job.short for job in network.JOBS], help="only these (all)")
    args = parser.parse_args()
    for device in args.device:
        if device not in nics.EMULATED and ":" not in device:
            parser.error(f"{device}: neither FRONT:BACK nor one of {' '.join(nics.EMULATED)}")
    try:
        run(args)
    except BedError as error:
        print(f"netbench: {session.explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
