# SPDX-License-Identifier: GPL-2.0-only
"""Files, xenstore and ramdisks in dom0."""

import shlex
import shutil
from pathlib import Path

from .domain import Domain, modules_of


class Dom0(Domain):
    """Handle to dom0. `share` on the host is /host in dom0."""

    name = "dom0"

    def __init__(self, channel, share, factor, kernel=None):
        self.channel = channel
        self.kernel = kernel
        self.modules_at = f"/host/{modules_of(kernel)}"
        self.share = share
        self.factor = factor

    def call(self, op, timeout=20, **request):
        """Something that dom0's agent does (files/dom0-agent), or BedError."""
        return self.channel.call(timeout * self.factor, op=op, **request)["value"]

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
        return self.call("xenstore", do="read", args=[path])

    def xenstore_list(self, path):
        return self.call("xenstore", do="list", args=[path])

    def domain_id(self, name):
        """Of a running domain, or None."""
        return self.call("domain_id", name=name)

    def guest_names(self):
        domids = [domid for domid in self.xenstore_list("/local/domain") if domid != "0"]
        return list(filter(None, (self.xenstore(f"/local/domain/{domid}/name") for domid in domids)))

    def ramdisks(self, count=4, mib=256):
        """Block devices /dev/ram0..n whose memory is there before anything is measured."""
        if not self.loaded("brd"):
            self.load("brd", rd_nr=count, rd_size=mib * 1024)
            self.run(f"for n in $(seq 0 {count - 1}); do "
                     "dd if=/dev/zero of=/dev/ram$n bs=1M oflag=direct status=none || true; done", timeout=30)
        return [f"/dev/ram{n}" for n in range(count)]
