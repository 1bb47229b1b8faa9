# SPDX-License-Identifier: GPL-2.0-only
"""What dom0 and guests have in common: an agent that runs commands, and does without a process what is needed all the
time: files, waiting, kernel modules, which are loaded by name wherever they come from."""

import base64

from . import kmods
from .layout import run
from .result import Result

PART = 256 << 10  # of a file, in one request


def modules_of(kernel):
    """Below share."""
    return f"modules-{kernel}" if kernel else "modules"


class Domain:
    """A subclass says where its agent is (agent, as dom0 sees it; None: dom0's own), and in modules_at where our
    modules are inside it. timeouts are in seconds on fast hardware; emulation gets a multiple, factor.

    share/modules holds the modules under test, share/modules-SERIES those for a kernel of another series. A name that
    is found there is ours, any other is the kernel's.
    """

    name = None
    channel = None
    factor = None
    agent = None
    modules_at = None
    share = None
    kernel = None  # the series; None: that of this machine

    # What an agent does (files/agent/main.c)

    def ask(self, what, *args, timeout=20, check=True, shown=None):
        """The Result of something the agent does itself; its status is an errno."""
        limit = timeout * self.factor
        packed = [base64.b64encode(arg if isinstance(arg, bytes) else arg.encode()).decode() for arg in args]
        reply = self._call(limit, op="ask", to=self.agent, what=what, args=packed)
        shown = shown or " ".join([what, *(arg for arg in args if isinstance(arg, str))])
        if reply is None:
            result = Result(self.name, shown, -1, "", f"no answer from the agent of {self.name}", True, limit)
        else:
            status, late, out, err = reply
            result = Result(self.name, shown, status, _text(out), _text(err), late, limit)
        return result.check() if check else result

    def _call(self, limit, **request):
        return self.channel.call(limit, **request)["value"]

    def run(self, command, timeout=20, check=True, stdin=b""):
        """Runs a bash command."""
        return self.ask("run", command, stdin, timeout=timeout, check=check, shown=command)

    def answers(self):
        """Whether the agent takes requests."""
        return self.ask("nothing", timeout=3, check=False).rc == 0

    def exists(self, path):
        return self.ask("exists", path, check=False).rc == 0

    def read(self, path):
        """The text of a file."""
        return self.ask("read", path).out

    def write(self, path, data):
        """Replaces what is in a file, or makes it."""
        data = data.encode() if isinstance(data, str) else data
        for start in range(0, max(len(data), 1), PART):
            self.ask("write", path, str(start), data[start:start + PART], timeout=60)

    def wait(self, condition, path, value="", timeout=10):
        """Waits until something exists, is gone, is a block device, or a directory has an entry, which is returned, or
        a file's first line is value: condition 'exists', 'gone', 'block', 'entry' or 'line'."""
        return self.ask("await", condition, path, value, timeout=timeout).out

    # Modules

    def _ours(self):
        return {kmods.canonical(path): path for path in (self.share / modules_of(self.kernel)).glob("*.ko")}

    def refresh_modules(self):
        """Has our modules as share has them."""

    def load(self, name, **params):
        """Loads a module with what it needs; returns what unload() must take away again, last first."""
        options = " ".join(f"{key}={value}" for key, value in params.items())
        name = kmods.canonical(name)
        ours = self._ours()
        if name not in ours:
            self.ask("modprobe", name, options)
            return [name]
        self.refresh_modules()
        loaded = []
        needs = run(["modinfo", "-F", "depends", ours[name]], timeout=10).decode().strip()
        for need in filter(None, needs.split(",")):
            if not self.loaded(need):
                loaded = self.load(need) + loaded
        self.ask("insmod", f"{self.modules_at}/{ours[name].name}", options)
        return [name] + loaded

    def unload(self, *names):
        """A xenbus driver's module is pinned by each device it serves: detach them first.

        A device that has left xenstore is let go of by the driver a little later, longer on a busy machine.
        """
        for name in map(kmods.canonical, names):
            self.ask("rmmod", name, timeout=10)

    def loaded(self, name):
        return self.exists(f"/sys/module/{kmods.canonical(name)}")


def _text(packed):
    return base64.b64decode(packed).decode(errors="replace")
