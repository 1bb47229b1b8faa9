# SPDX-License-Identifier: GPL-2.0-only
"""Our backends in a guest: a driver domain serves disks and NICs to another guest, and dom0 only starts them both.

Unlike dom0 it is no PV domain, so what it maps of the other guest are addresses without memory, and nothing in it can
be replaced below a holder.
"""

import time

import pytest

from bed import counters, devices, driver_domain, nics, smoke, traffic
from bed.pair import networked, served

FRONTS = {"ours": "xenpv_{}front", "intree": "xen-{}front"}
EACH_FRONT = pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)


@pytest.fixture(scope="module")
def driver(bed):
    guest = driver_domain.create(bed, bed.dom0.ramdisks()[1])
    yield guest
    print(driver_domain.log(guest))
    guest.destroy()


@pytest.fixture
def baseline(driver, leakless):
    """Neither the guest nor the driver domain holds afterwards what it did not hold before."""
    driver_domain.check_alive(driver)
    before = driver.counts()
    yield
    counters.await_baseline(driver, before)


def served_by(domain, guest):
    """The devices of a guest that a domain's kernel has backends for."""
    return domain.run(f"cd /sys/bus/xen-backend/devices && ls -d vbd-{guest.domid}-* vif-{guest.domid}-* 2>/dev/null",
                      check=False).out.split()


@EACH_FRONT
def test_disk(driver, pvh, baseline, front):
    driver.run(f"dd if=/dev/zero of={driver_domain.RAMDISK} bs=1M oflag=direct status=none", check=False)
    smoke.check_disk(pvh, front.format("blk"), "xenpv_blkback", driver_domain.RAMDISK, driver)


@EACH_FRONT
def test_network(driver, pvh, baseline, front):
    smoke.check_network(pvh, front.format("net"), "xenpv_netback", driver)


def test_dom0_serves_nothing_of_it(driver, pvh, baseline):
    """The backends are the driver domain's, and the link is a port of its bridge."""
    with served(pvh, "xenpv_blkfront", "xenpv_blkback", driver_domain.RAMDISK, "xvde", driver), \
            networked(pvh, "xenpv_netfront", "xenpv_netback", server=driver) as link:
        node = devices.backend(pvh, "xvde")
        assert node == f"/local/domain/{driver.domid}/backend/vbd/{pvh.domid}/{devices.device_id('xvde')}"
        assert nics.backend(pvh, 0).startswith(f"/local/domain/{driver.domid}/backend/vif/")
        assert len(served_by(driver, pvh)) == 2 and not served_by(pvh.dom0, pvh)
        driver.run(f"test -e /sys/class/net/{nics.BRIDGE}/brif/{link.back}")
    assert pvh.dom0.xenstore(f"{node}/state") is None


def test_guest_is_destroyed_under_load(bed, driver):
    """The driver domain outlives a guest that vanishes, keeps nothing of it, and serves the next one."""
    driver_domain.check_alive(driver)
    before = driver.counts()
    undo = [driver.load("xenpv_blkback"), driver.load("xenpv_netback")]
    victim = bed.create_guest("victim", memory=256)
    for module in ("xenpv_blkfront", "xenpv_netfront"):
        victim.load(module)
    victim.attach(devices.disk(driver_domain.RAMDISK, "xvde", server=driver.name))
    nics.attach(victim, 0, driver.name)
    dev = devices.await_connected(victim, "xvde")
    nics.configure(victim, nics.await_connected(victim, 0))
    traffic.serve(driver)
    victim.run(f"(fio --name=load --filename={dev} --rw=randrw --bs=4k --iodepth=16 --ioengine=libaio --direct=1 "
               f"--time_based --runtime=600 >/dev/null 2>&1 &) ; (netprobe tcp {nics.DOM0_IP4} {traffic.PORT} both "
               f"{1 << 40} 1 >/dev/null 2>&1 &) ; sleep 1")
    victim.destroy()
    deadline = driver.dom0.now() + 20 * driver.dom0.factor
    while left := served_by(driver, victim):
        assert driver.dom0.now() < deadline, f"still there: {left}"
        time.sleep(0.5)
    for modules in reversed(undo):
        driver.unload(*modules)
    counters.await_baseline(driver, before)
