# SPDX-License-Identifier: GPL-2.0-only
"""Boot loaders with PV drivers of their own, served by our backends, which then serve the Linux that follows.

These frontends are small and old-fashioned: one request at a time, no optional feature, and no orderly end in some.
"""

import contextlib
import re

import pytest

from bed import devices, firmware, nics


@contextlib.contextmanager
def backend(dom0, name):
    loaded = dom0.load(name)
    yield
    dom0.unload(*loaded)


@pytest.mark.parametrize("kind", ["pvh", "pv"])
def test_grub_reads_its_disk(bed, ramdisks, kind):
    with backend(bed.dom0, "xenpv_blkback"):
        guest = firmware.boot_by_grub(bed, kind, ramdisks[0])
        assert firmware.loader_of(guest) == "grub"
        # Linux's frontend has taken over from GRUB's, at the same backend.
        dev = devices.await_connected(guest, firmware.ROOT)
        seen = guest.run(f"modprobe ext4; mkdir -p /tmp/m && mount -t ext2 -o ro {dev} /tmp/m && cd /tmp/m/boot && "
                         "sha256sum vmlinuz initramfs", timeout=60).out
        assert seen == bed.dom0.run("cd /host/guest && sha256sum vmlinuz initramfs").out
        guest.destroy()


@pytest.mark.parallel
def test_ipxe_fetches_over_its_nic(bed):
    with backend(bed.dom0, "xenpv_netback"):
        guest, log = firmware.boot_by_ipxe(bed)
        assert firmware.loader_of(guest) == "ipxe"
        for name in ("vmlinuz", "initramfs"):
            assert re.search(rf'^{firmware.IP4} .*"GET /{name} .*" 200 ', log, re.M), log
        # Linux's frontend has taken over from iPXE's.
        guest.load("xen-netfront")
        nics.configure(guest, nics.await_connected(guest, 0), 0)
        guest.run(f"ping -c 3 -W 5 -s 1400 {nics.DOM0_IP4}")
        guest.destroy()
