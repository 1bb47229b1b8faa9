# SPDX-License-Identifier: GPL-2.0-only
"""Makes what is booted: hypervisor, kernel, dom0's root image and initramfs, the guests' initramfs.

Everything slow is cached under a key of what it was made from; scripts of ours are kept out of the root
image, in the initramfs, so that editing one costs a second and not a minute.
"""

import gzip
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import kernels, kmods, layout, tools
from .cache import cached, key_of
from .layout import FILES, BedError, cpio, run

DOM0_PACKAGES = """
    bash bridge-utils e2fsprogs ethtool fio iperf3 iproute2 iputils-ping kmod procps psmisc tcpdump udev util-linux
    xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils qemu-system-xen
""".split()

# Dom0 chooses among these at run time; its whole module tree would be 400 MB.
DOM0_MODULES = """
    virtio_pci virtio_blk virtio_console ext4 crc32c_generic 9p 9pnet_virtio xenfs xen-privcmd xen-evtchn
    xen-gntdev xen-gntalloc xen-blkback xen-netback xen-blkfront xen-netfront brd loop null_blk scsi_debug
    dm-mod dm-flakey dm-delay bridge tun veth
""".split()

GUEST_MODULES = """
    xen-blkfront xen-netfront ata_piix ata_generic sd_mod ext4 crc32c_generic loop brd dm-mod dm-flakey xfs
    e1000 8139cp xen-evtchn xen-gntalloc xen-gntdev xen-privcmd xenfs bridge
""".split()

# Dom0's agent is one program of several files.
DOM0_AGENT = {"dom0-agent": "agent", "agents.py": "agents.py", "netdev.py": "netdev.py", "toolstack.py": "toolstack.py",
              "xenstore.py": "xenstore.py"}

EARLY_DOM0 = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "overlay"]


@dataclass
class Artefacts:
    """Paths of everything a boot needs."""

    kver: str
    xen: Path
    kernel: Path
    dom0_root: Path
    dom0_initramfs: Path
    guest_initramfs: Path
    guest_tools: Path


def kernel_version():
    """The newest kernel whose headers are installed: what modules are built for is what gets booted."""
    found = [p.name[len("linux-headers-"):] for p in Path("/usr/src").glob("linux-headers-6.1.*-amd64")]
    if not found:
        raise BedError("no headers of a 6.1 kernel in /usr/src: run setup/setup.sh")
    return max(found, key=lambda v: [int(n) for n in v.split("-amd64")[0].replace("-", ".").split(".")])


def apt_sources():
    """The machine's own Debian sources, so that the image comes from where its packages come from."""
    etc = Path("/etc/apt")
    return [p for p in (etc / "sources.list.d" / "debian.sources", etc / "sources.list")
            if p.is_file() and p.read_text().strip()]


def _make_base(kver, out):
    tree = out / "tree"
    run(["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={','.join(DOM0_PACKAGES)}",
         "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io",
         "--aptopt=Acquire::Languages \"none\"", "bookworm", tree, *apt_sources()], timeout=900)
    # Unpacked, not installed: installing a kernel makes an initramfs nobody boots.
    run(["apt-get", "download", "-q", f"linux-image-{kver}"], timeout=300, cwd=out)
    package = next(out.glob("linux-image-*.deb"))
    run(["dpkg-deb", "-x", package, out / "kernel"], timeout=120)
    package.unlink()
    run(["depmod", "-b", out / "kernel", kver], timeout=120)
    shutil.copy(out / "kernel" / "boot" / f"vmlinuz-{kver}", out / "vmlinuz")
    kmods.copy_tree(out / "kernel" / "lib/modules" / kver, tree / "usr/lib/modules" / kver, DOM0_MODULES)
    run(["depmod", "-b", tree, kver], timeout=60)
    with gzip.open(next((tree / "boot").glob("xen-4.17*.gz"))) as packed:
        (out / "xen").write_bytes(packed.read())
    for name in ("boot", "dev", "var/cache", "var/lib/apt"):
        shutil.rmtree(tree / name, ignore_errors=True)
        (tree / name).mkdir(parents=True)


def _make_root_image(base, out):
    image = out / "dom0.img"
    with open(image, "wb") as sparse:
        sparse.truncate(1400 << 20)
    run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", base / "tree", image], timeout=300)


def _busybox(tree):
    for name in ("bin", "dev", "proc", "sys", "tmp", "run", "newroot", "bed"):
        (tree / name).mkdir(parents=True)
    source = Path("/usr/bin/busybox")
    if not source.exists():
        source = Path("/bin/busybox")
    if not source.exists():
        raise BedError("busybox is not installed: run setup/setup.sh")
    shutil.copy(source, tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")


def _script(name, target):
    shutil.copy(FILES / name, target)
    target.chmod(0o755)


def _early_modules(source, tree, names):
    """Modules of a lib/modules/VERSION as bed/NN-name.ko, in the order in which init inserts them."""
    for number, path in enumerate(kmods.closure(source, kmods.known(source, names))):
        kmods.copy(source / path, tree / "bed" / f"{number:02}-{Path(path).name}")


def _all_modules(source, tree, names):
    """As the tree's own lib/modules/VERSION."""
    kver = source.name
    kmods.copy_tree(source, tree / "usr/lib/modules" / kver, kmods.known(source, names))
    (tree / "lib").symlink_to("usr/lib")
    run(["depmod", "-b", tree, kver], timeout=60)
    (tree / "lib").unlink()


def compile_files(name, target):
    """A program of FILES, against the C library of this machine, which is that of dom0 and, once it has its tools, of a
    guest."""
    run(["gcc-12", "-O2", "-Wall", "-Werror", "-s", "-o", target, *sorted((FILES / name).glob("*.c"))], timeout=60)


def compile_probe(folder):
    compile_files("netprobe", folder / "netprobe")


def _make_dom0_initramfs(source, out, bring=()):
    """bring: modules that the root image does not have."""
    tree = out / "tree"
    _busybox(tree)
    _early_modules(source, tree, EARLY_DOM0)
    _script("dom0-initramfs", tree / "init")
    payload = tree / "payload"
    payload.mkdir()
    if bring:
        _all_modules(source, payload, bring)
    _script("dom0-init", payload / "init")
    for name in ("suspend", "resume", "mount-share", "console-logs"):
        _script(f"dom0-{name}", payload / name)
    for name, target in DOM0_AGENT.items():
        _script(name, payload / target)
    compile_files("agent", payload / "bedagent")
    compile_probe(payload)
    run(["gcc-12", "-O1", "-Wall", "-Werror", "-o", payload / "xencount", FILES / "xencount.c",
         "-lxenctrl", "-lxenforeignmemory"], timeout=60)
    cpio(tree, out / "dom0.cpio.xz")
    shutil.rmtree(tree)


def _make_guest_initramfs(source, out, bring=()):
    """bring: modules that the tools, which are for another kernel, do not have."""
    tree = out / "tree"
    _busybox(tree)
    _early_modules(source, tree, ["xen-blkfront"])
    if bring:
        _all_modules(source, tree, bring)
    _script("guest-init", tree / "init")
    compile_files("agent", tree / "bed/agent")
    compile_probe(tree / "bin")
    cpio(tree, out / "guest.cpio.xz")
    shutil.rmtree(tree)


def other_guest(name):
    """(kernel, initramfs) for guests of another series."""
    kver, made = kernels.find(name).image()
    key = key_of(kver, made.name, Path(__file__), *GUEST_MODULES, *_scripts())
    small = cached(f"other-guest-{name}", key, lambda out: _make_guest_initramfs(
        made / "lib/modules" / kver, out, GUEST_MODULES))
    return made / "vmlinuz", small / "guest.cpio.xz"


def other_dom0(name):
    """(version, kernel, initramfs) for a dom0 of another series, on the same root image."""
    kver, made = kernels.find(name).image()
    key = key_of(kver, made.name, Path(__file__), *DOM0_MODULES, *_scripts())
    small = cached(f"other-dom0-{name}", key, lambda out: _make_dom0_initramfs(
        made / "lib/modules" / kver, out, DOM0_MODULES))
    return kver, made / "vmlinuz", small / "dom0.cpio.xz"


def _scripts():
    return sorted(p for p in FILES.rglob("*") if p.is_file())


def build():
    """Makes what is missing and returns where it is."""
    if os.geteuid():
        raise BedError("the bed makes file systems with root's files in them: run it as root")
    here = Path(__file__)
    kver = kernel_version()
    base_key = key_of(kver, *DOM0_PACKAGES, *DOM0_MODULES)
    base = cached("base", base_key, lambda out: _make_base(kver, out), need_mib=2048)
    root = cached("root", base_key, lambda out: _make_root_image(base, out), need_mib=1024)
    own = base / "kernel/lib/modules" / kver
    small = key_of(base_key, here, Path(layout.__file__), *_scripts())
    dom0 = cached("dom0-initramfs", small, lambda out: _make_dom0_initramfs(own, out))
    guest = cached("guest-initramfs", small, lambda out: _make_guest_initramfs(own, out))
    tools_key = key_of(base_key, *GUEST_MODULES, Path(tools.__file__))
    disk = cached("guest-tools", tools_key,
                  lambda out: tools.make(base, kver, GUEST_MODULES, out / "tools.tar"))
    return Artefacts(kver, base / "xen", base / "vmlinuz", root / "dom0.img", dom0 / "dom0.cpio.xz",
                     guest / "guest.cpio.xz", disk / "tools.tar")
