# SPDX-License-Identifier: GPL-2.0-only
"""What dom0 and guests have in common: kernel modules, loaded by name wherever they come from."""

import shlex

from . import kmods
from .layout import run


def modules_of(kernel):
    """Below share."""
    return f"modules-{kernel}" if kernel else "modules"


class Domain:
    """A subclass has run(), and says in modules_at where our modules are inside it.

    share/modules holds the modules under test, share/modules-SERIES those for a kernel of another series. A name that
    is found there is ours, any other is the kernel's.
    """

    modules_at = None
    share = None
    kernel = None  # the series; None: that of this machine

    def _ours(self):
        return {kmods.canonical(path): path for path in (self.share / modules_of(self.kernel)).glob("*.ko")}

    def load(self, name, **params):
        """Loads a module with what it needs; returns what unload() must take away again, last first."""
        options = " ".join(shlex.quote(f"{key}={value}") for key, value in params.items())
        name = kmods.canonical(name)
        ours = self._ours()
        if name not in ours:
            self.run(f"modprobe {name} {options}")
            return [name]
        loaded = []
        needs = run(["modinfo", "-F", "depends", ours[name]], timeout=10).decode().strip()
        for need in filter(None, needs.split(",")):
            if not self.loaded(need):
                loaded = self.load(need) + loaded
        self.run(f"insmod {self.modules_at}/{ours[name].name} {options}")
        return [name] + loaded

    def unload(self, *names):
        """A xenbus driver's module is pinned by each device it serves: detach them first.

        A device that has left xenstore is let go of by the driver a little later, longer on a busy machine.
        """
        for name in map(kmods.canonical, names):
            self.run(f"for n in $(seq 100); do [ $(cat /sys/module/{name}/refcnt) = 0 ] && break; sleep 0.1; done\n"
                     f"rmmod {name}")

    def loaded(self, name):
        return self.run(f"test -d /sys/module/{kmods.canonical(name)}", check=False).rc == 0
