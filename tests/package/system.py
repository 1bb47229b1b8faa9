# SPDX-License-Identifier: GPL-2.0-only
"""What a system does with modules: asked of its own modprobe and initramfs, not of the files we put there."""

import re
import shutil
import subprocess
from pathlib import Path

MODULES = [f"xenpv_{name}" for name in ("kapi", "grant", "evtchn", "blkfront", "blkback", "netfront", "netback")]
# What udev asks for when a device comes, what a script or a list may ask for by name; ours, and the kernel's own.
ASKED = {
    "xen:vbd": ("xenpv_blkfront", "xen_blkfront"), "xen:vif": ("xenpv_netfront", "xen_netfront"),
    "xen-backend:vbd": ("xenpv_blkback", "xen_blkback"), "xen-backend:vif": ("xenpv_netback", "xen_netback"),
}


LAYERS = MODULES[:3]


def _hollow(sources):
    """Modules that have the names, aliases and order of ours, and nothing else: compiled in seconds."""
    for name in ("kernel", "include", "grant", "evtchn", "xen-front", "xen-back"):
        shutil.rmtree(sources / name)
    kbuild = (sources / "Kbuild").read_text(encoding="utf-8").splitlines()
    kbuild = [line for line in kbuild if line.startswith("xenpv-version :=")]
    kbuild += [r'ccflags-y += -DXENPV_VERSION=\"$(xenpv-version)\"', f"obj-m += {' '.join(f'{m}.o' for m in MODULES)}"]
    (sources / "Kbuild").write_text("\n".join(kbuild) + "\n", encoding="utf-8")
    for module in MODULES:
        text = '#include <linux/module.h>\nMODULE_LICENSE("GPL");\nMODULE_VERSION(XENPV_VERSION);\n'
        if module in LAYERS:
            text += f"int {module}_used;\nEXPORT_SYMBOL_GPL({module}_used);\n"
        else:
            text += "".join(f"extern int {layer}_used;\n" for layer in LAYERS)
            used = " + ".join(f"{layer}_used" for layer in LAYERS)
            text += f"int {module}_uses(void);\nint {module}_uses(void) {{ return {used}; }}\n"
            text += "".join(f'MODULE_ALIAS("{alias}");\n' for alias, (ours, _) in ASKED.items() if ours == module)
        (sources / f"{module}.c").write_text(text, encoding="utf-8")


def higher_version(deb, old, new, scratch):
    """The same package under another version.  Its modules are hollow: the change of packages is what is tried."""
    shutil.rmtree(scratch, ignore_errors=True)
    tree = scratch / "tree"
    scratch.mkdir(parents=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    sources = tree / f"usr/src/xenpv-{new}"
    (tree / f"usr/src/xenpv-{old}").rename(sources)
    for file in [*(tree / "DEBIAN").iterdir(), sources / "dkms.conf", sources / "debian/changelog"]:
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    _hollow(sources)
    package = scratch / Path(deb).name.replace(old, new)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, package], check=True,
                   stdout=subprocess.DEVNULL)
    return package


def modinfo(room, kernel, field):
    """The field of each of our modules, None where there is none."""
    said = {}
    for module in MODULES:
        found = room.run("modinfo", "-k", kernel, "-F", field, module, check=False).strip()
        said[module] = None if "not found" in found else found
    return said


def loaded_by(said):
    """Of what modprobe -n -v said: the modules that are inserted as they are, and those that a command decides on."""
    inserted = {Path(path).name.split(".")[0].replace("-", "_") for path in re.findall(r"^insmod (\S+)", said, re.M)}
    decided = re.findall(r"^install .*--ignore-install (\w+)", said, re.M)
    return inserted, set(decided)


def resolve(room, kernel, asked, inside=()):
    """What modprobe of a system, or of an unpacked initramfs, would do for a kernel."""
    return loaded_by(room.run(*inside, "/sbin/modprobe", "-S", kernel, "-n", "-v", asked))


class Initramfs:
    """A kernel's, unpacked in the room."""

    def __init__(self, room, kernel):
        self.room, self.kernel = room, kernel
        self.where = f"/initramfs/{kernel}"
        shutil.rmtree(room.root / self.where[1:], ignore_errors=True)
        room.run("unmkinitramfs", f"/boot/initrd.img-{kernel}", self.where)
        main = room.root / self.where[1:] / "main"
        if main.is_dir():
            self.where += "/main"
        self.tree = room.root / self.where[1:]
        # quiet is what its init tells its scripts.
        self.inside = ["env", "-u", "LD_PRELOAD", "quiet=n", "chroot", self.where]

    def modules(self):
        names = [p.name for p in self.tree.glob(f"usr/lib/modules/{self.kernel}/**/*.ko*")]
        return {name.split(".")[0].replace("-", "_") for name in names}

    def version_of(self, module):
        path, = self.tree.glob(f"usr/lib/modules/{self.kernel}/**/{module}.ko")
        return self.room.run("modinfo", "-F", "version", f"/{path.relative_to(self.room.root)}").strip()

    def resolve(self, asked):
        return resolve(self.room, self.kernel, asked, self.inside)
