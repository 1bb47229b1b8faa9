# SPDX-License-Identifier: GPL-2.0-only
"""Two queues on real Xen: a guest with two CPUs, and backends told to offer two though dom0 here has one CPU."""

import contextlib

import pytest

from bed import devices
from bed.pair import served

OUR_FRONT, OUR_BACK = "xenpv_blkfront", "xenpv_blkback"
VDEV = "xvde"
# A job on each CPU, and so on each queue; each verifies its own half.
BOTH_CPUS = ("fio --name=verify --filename={dev} --rw=randrw --bsrange=512-128k --blockalign=512 --size=8m "
             "--offset_increment=16m --numjobs=2 --cpus_allowed=0,1 --cpus_allowed_policy=split --iodepth=16 "
             "--ioengine=libaio --direct=1 --verify=crc32c --randseed=7 --output-format=json")


@contextlib.contextmanager
def offering(dom0, back, queues):
    undo = dom0.load(back, max_queues=queues)
    try:
        yield
    finally:
        dom0.unload(*undo)


def requests(domain, node, end):
    """Requests of each queue, from debugfs."""
    lines = domain.run(f"cat /sys/kernel/debug/xenpv/{node}/{end}").out.splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("  requests ")]


@pytest.mark.parametrize("front,back", [
    (OUR_FRONT, OUR_BACK), ("xen-blkfront", OUR_BACK), (OUR_FRONT, "xen-blkback"),
], ids=["ours", "intree-front", "intree-back"])
def test_both_queues_carry_requests(smp, ramdisks, front, back):
    number = devices.device_id(VDEV)
    with offering(smp.dom0, back, 2), served(smp, front, back, ramdisks[0], VDEV) as dev:
        assert smp.dom0.xenstore(f"{devices.backend(smp, VDEV)}/multi-queue-max-queues") == "2"
        assert smp.dom0.xenstore(f"{devices.frontend(smp, VDEV)}/multi-queue-num-queues") == "2"
        jobs = smp.run(BOTH_CPUS.format(dev=dev), timeout=90).json()["jobs"]
        assert [job["error"] for job in jobs] == [0, 0]
        assert all(job["read"]["total_ios"] > 0 and job["write"]["total_ios"] > 0 for job in jobs)
        if front == OUR_FRONT:
            assert len(seen := requests(smp, f"vbd-{number}", "blkfront")) == 2 and min(seen) > 50, seen
        if back == OUR_BACK:
            assert len(seen := requests(smp.dom0, f"vbd-{smp.domid}-{number}", "blkback")) == 2 and min(seen) > 50, seen


@pytest.mark.parametrize("wanted,offered", [(1, "1"), (0, "1"), (99, "8")])
def test_number_of_queues_can_be_changed_while_loaded(smp, ramdisks, wanted, offered):
    """0 is one for each CPU, of which dom0 has one."""
    assert smp.dom0.run("nproc").out.strip() == "1" or wanted != 0
    parameter = f"/sys/module/{OUR_BACK}/parameters/max_queues"
    with offering(smp.dom0, OUR_BACK, 2):
        smp.dom0.run(f"echo {wanted} >{parameter}")
        with served(smp, OUR_FRONT, OUR_BACK, ramdisks[0], VDEV) as dev:
            assert smp.dom0.xenstore(f"{devices.backend(smp, VDEV)}/multi-queue-max-queues") == offered
            agreed = min(2, int(offered))
            assert len(requests(smp, f"vbd-{devices.device_id(VDEV)}", "blkfront")) == agreed
            smp.run(f"dd if={dev} of=/dev/null bs=64k count=4 iflag=direct status=none")
