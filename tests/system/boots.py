#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boots the disk scenario again and again: Xen, dom0, a guest, our pair, verified I/O, power off.

Not part of the test run, which boots once: this shows how far that one boot can be relied on.
"""

import argparse
import sys
import time

from bed import devices
from bed.guest import KINDS
from bed.layout import REPO, BedError, say
from bed.machine import Machine
from bed.pair import served

VERIFY = ("fio --name=verify --filename={dev} --rw=randwrite --bsrange=512-128k --blockalign=512 --size=16m "
          "--iodepth=16 --ioengine=libaio --direct=1 --verify=crc32c --output-format=json")


def once(kind):
    machine = Machine.start(modules=REPO, name="boots", lane="parallel" if kind == "hvm" else "steady")
    try:
        ramdisk = machine.dom0.ramdisks()[0]
        guest = machine.create_guest("boots", kind=kind)
        with served(guest, "xenpv_blkfront", "xenpv_blkback", ramdisk, "xvde") as dev:
            job = guest.run(VERIFY.format(dev=dev), timeout=60).json()["jobs"][0]
        if job["error"]:
            raise BedError(f"fio reports error {job['error']}")
        found = machine.watch.findings()
        if found:
            raise BedError("\n".join(map(str, found)))
        assert devices.states(guest, "xvde") == (None, None)
    finally:
        machine.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=20)
    parser.add_argument("--type", default="hvm", choices=KINDS)
    args = parser.parse_args()
    good = 0
    for number in range(1, args.count + 1):
        began = time.monotonic()
        try:
            once(args.type)
            good += 1
        except BedError as error:
            print(f"boot {number}: {error}", file=sys.stderr)
        say(f"boot {number} of {args.count}: {good} good so far [{time.monotonic() - began:.0f} s]")
    print(f"{good} of {args.count} boots were good")
    return 0 if good == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
