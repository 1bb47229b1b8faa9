# SPDX-License-Identifier: GPL-2.0-only
"""The life of the package in a clean Debian 12: install, new kernels, upgrade, remove.  The order matters."""

import shutil

import pytest

from system import ASKED, MODULES, Initramfs, modinfo, resolve

FRONTS = {"xenpv_kapi", "xenpv_grant", "xenpv_evtchn", "xenpv_blkfront", "xenpv_netfront"}
OWN_FRONTS = {"xen_blkfront", "xen_netfront"}
XEN = "CONFIG_XEN=y\nCONFIG_XEN_XENBUS_FRONTEND=y\nCONFIG_XEN_BACKEND=y\n"


def takes_over(room, kernel):
    """Whoever asks for a device's driver, in the system or in the initramfs, gets ours."""
    initramfs = Initramfs(room, kernel)
    assert initramfs.modules() >= FRONTS | OWN_FRONTS
    for alias, (ours, own) in ASKED.items():
        for asked in (alias, own):
            inserted, decided = resolve(room, kernel, asked)
            assert own not in inserted and own in decided, f"{asked} loads the kernel's own {own}"
            assert asked == own or ours in inserted, f"{asked} does not load {ours}"
    for alias in ("xen:vbd", "xen:vif"):
        ours, own = ASKED[alias]
        inserted, decided = initramfs.resolve(alias)
        assert ours in inserted and own not in inserted and own in decided, f"{alias} in the initramfs of {kernel}"


def untouched(room, kernel):
    """Whoever asks gets the kernel's own, as if we had never been there."""
    initramfs = Initramfs(room, kernel)
    assert not [name for name in initramfs.modules() if name.startswith("xenpv")]
    for alias, (_, own) in ASKED.items():
        inserted, decided = resolve(room, kernel, alias)
        assert own in inserted and not decided
    assert initramfs.resolve("xen:vbd") == ({"xen_blkfront"}, set())


def test_each_module_says_the_version(installed, version):
    assert modinfo(installed, installed.first, "version") == dict.fromkeys(MODULES, version)


def test_modules_are_among_the_updates(installed):
    wanted = {m: f"/lib/modules/{installed.first}/updates/dkms/{m}.ko" for m in MODULES}
    assert modinfo(installed, installed.first, "filename") == wanted


def test_it_takes_over(installed):
    takes_over(installed, installed.first)
    assert "take over from the kernel's own at the next boot" in installed.said


@pytest.mark.parametrize("driver", ["vbd", "xenpv_blkfront"])
def test_the_initramfs_tells_whose_a_disk_is(installed, driver):
    """With what commands there are in it, and devices that are played."""
    initramfs = Initramfs(installed, installed.first)
    disk = initramfs.tree / "sys/bus/xen/devices/vbd-51712"
    disk.mkdir(parents=True)
    (disk / "driver").symlink_to(f"../../drivers/{driver}")
    (initramfs.tree / "sys/bus/xen/drivers" / driver).mkdir(parents=True)
    said = installed.run(*initramfs.inside, "sh", "/scripts/init-premount/xenpv")
    assert ("kernel's own driver has vbd-51712" in said) == (driver == "vbd")


@pytest.mark.parametrize("config", ["CONFIG_XEN=y", f'{XEN}CONFIG_CC_VERSION_TEXT="gcc-99 (Debian) 99"'])
def test_a_kernel_that_cannot_have_them(installed, config):
    """Without Xen, or without its compiler: it is left out, and its installation does not fail for that."""
    tree = installed.root / "lib/modules/9.9"
    (tree / "build/include").mkdir(parents=True)
    (tree / "build/.config").write_text(f"{config}\n", encoding="utf-8")
    said = installed.run("/etc/kernel/header_postinst.d/dkms", "9.9")
    shutil.rmtree(tree)
    assert "rror" not in said
    assert "9.9" not in installed.run("dkms", "status", "xenpv")


def test_a_kernel_without_headers(second_kernel):
    """It installs, says what is missing and what to do, and has the kernel's own drivers."""
    assert f"kernel {second_kernel.second} has no xenpv modules" in second_kernel.said
    assert f"apt install linux-headers-{second_kernel.second}" in second_kernel.said
    initramfs = Initramfs(second_kernel, second_kernel.second)
    assert initramfs.modules() >= OWN_FRONTS and not initramfs.modules() & FRONTS
    # Nothing of ours answers to the alias, and the command falls back on the kernel's own.
    assert resolve(second_kernel, second_kernel.second, "xen:vbd") == (set(), {"xen_blkfront"})


def test_headers_that_come_later(headers_later, version):
    """The second kernel's modules are built, and its initramfs is made anew."""
    assert modinfo(headers_later, headers_later.second, "version") == dict.fromkeys(MODULES, version)
    takes_over(headers_later, headers_later.second)


def test_upgrade(upgraded):
    """All kernels have the new version and no more of the old one."""
    for kernel in upgraded.kernels():
        assert modinfo(upgraded, kernel, "version") == dict.fromkeys(MODULES, upgraded.version)
        takes_over(upgraded, kernel)
        assert Initramfs(upgraded, kernel).version_of("xenpv_blkfront") == upgraded.version
    sources = sorted(p.name for p in (upgraded.root / "usr/src").glob("xenpv-*"))
    assert sources == [f"xenpv-{upgraded.version}"]
    assert "installed" in upgraded.run("dkms", "status", "-m", "xenpv", "-v", upgraded.version)


def test_remove(removed):
    """Nothing of ours is loaded any more, by any kernel."""
    for kernel in removed.kernels():
        assert set(modinfo(removed, kernel, "version").values()) == {None}
        untouched(removed, kernel)
    assert "the kernel's own drivers take over at the next boot" in removed.said


def test_remove_leaves_nothing(removed):
    left = [p for where in ("usr/src", "var/lib/dkms", "usr/lib", "lib/modules", "etc")
            for p in (removed.root / where).glob("**/*xenpv*")]
    assert not left
