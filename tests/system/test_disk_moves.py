# SPDX-License-Identifier: GPL-2.0-only
"""A disk whose guest moves: beside the kernel's own pair."""

import pytest

from bed import devices, moves
from bed.pair import served
from test_block import OUR_BACK, OUR_FRONT, VDEV
from test_queues import offering

PAIRS = [(OUR_FRONT, OUR_BACK), ("xen-blkfront", "xen-blkback")]

# Not bound to CPUs, one of which is offline for a while.
VERIFY = ("fio --name=verify --filename={dev} --rw=randrw --bsrange=512-128k --blockalign=512 --size=1m "
          "--offset_increment=16m --numjobs=2 --iodepth=16 --ioengine=libaio --direct=1 --verify=crc32c")
# Rounds until it is told that the guest has moved, and one after that.
ROUNDS = """rm -f /tmp/moved /tmp/rounds /tmp/status
setsid sh -c 'while [ ! -e /tmp/moved ] && {verify} >/tmp/fio.out 2>&1; do echo >>/tmp/rounds; done
    {verify} >/tmp/fio.out 2>&1; echo $? >/tmp/status' </dev/null >/dev/null 2>&1 &
for n in $(seq 200); do [ -s /tmp/rounds ] && exit; sleep 0.1; done; cat /tmp/fio.out >&2; exit 1"""
LAST_ROUND = """touch /tmp/moved; for n in $(seq 300); do [ -s /tmp/status ] && break; sleep 0.1; done
[ "$(cat /tmp/status)" = 0 ] || { cat /tmp/fio.out >&2; exit 1; }"""


@pytest.mark.parametrize("front,back,agreed", [
    (OUR_FRONT, OUR_BACK, ("1", "2")), ("xen-blkfront", "xen-blkback", (None, "2")),
], ids=["ours", "intree"])
def test_restored_with_other_queues(smp, ramdisks, front, back, agreed):
    """To a backend that offers fewer, then to one that offers as many again while a CPU is offline; under load."""
    def restore(offered, wanted):
        moves.save(smp)
        smp.dom0.run(f"echo {offered} >/sys/module/{back.replace('-', '_')}/parameters/max_queues")
        moves.restore(smp)
        devices.await_states(smp, VDEV, ("4", "4"))
        assert smp.dom0.xenstore(f"{devices.frontend(smp, VDEV)}/multi-queue-num-queues") == wanted

    with offering(smp.dom0, back, 2), served(smp, front, back, ramdisks[0], VDEV, by="xl") as dev:
        assert smp.dom0.xenstore(f"{devices.frontend(smp, VDEV)}/multi-queue-num-queues") == "2"
        smp.run(ROUNDS.format(verify=VERIFY.format(dev=dev)), timeout=30)
        restore(1, agreed[0])
        moves.set_cpus(smp, 1, inside=True)
        restore(2, agreed[1])
        moves.set_cpus(smp, 2, inside=True)
        smp.run(LAST_ROUND, timeout=60)
