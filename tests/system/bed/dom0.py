# SPDX-License-Identifier: GPL-2.0-only
"""Commands, files, xenstore and ramdisks in dom0."""

import base64
import shlex
import shutil
from pathlib import Path

from .domain import Domain, modules_of
from .result import Result


class Dom0(Domain):
    """Handle to dom0. `share` on the host is /host in dom0."""

    def __init__(self, channel, share, factor, kernel=None):
        self.channel = channel
        self.kernel = kernel
        self.modules_at = f"/host/{modules_of(kernel)}"
        self.share = share
        self.factor = factor

    def run(self, command, timeout=20, check=True, stdin=b""):
        """Runs a bash command. timeout is in seconds on fast hardware; emulation gets a multiple."""
        limit = timeout * self.factor
        reply = self.channel.call(limit, op="run", command=command, stdin=base64.b64encode(stdin).decode())
        result = Result("dom0", command, -1 if reply["rc"] is None else reply["rc"],
                        base64.b64decode(reply["out"]).decode(errors="replace"),
                        base64.b64decode(reply["err"]).decode(errors="replace"), reply["late"], limit)
        return result.check() if check else result

    def now(self):
        """Seconds on the machine's clock: what limits are counted by."""
        return self.channel.now()

    def put(self, source, target):
        """Copies a file of the host to a path in dom0."""
        source = Path(source)
        shutil.copy(source, self.share / "transfer")
        self.run(f"cp /host/transfer {shlex.quote(target)}")

    def xenstore(self, path):
        """A value of xenstore, or None where there is none."""
        result = self.run(f"xenstore-read {shlex.quote(path)}", check=False)
        return None if result.rc else result.out.rstrip("\n")

    def xenstore_list(self, path):
        return self.run(f"xenstore-list {shlex.quote(path)}", check=False).out.split()

    def ramdisks(self, count=4, mib=256):
        """Block devices /dev/ram0..n whose memory is there before anything is measured."""
        if not self.loaded("brd"):
            self.load("brd", rd_nr=count, rd_size=mib * 1024)
            self.run(f"for n in $(seq 0 {count - 1}); do "
                     "dd if=/dev/zero of=/dev/ram$n bs=1M oflag=direct status=none || true; done", timeout=30)
        return [f"/dev/ram{n}" for n in range(count)]
