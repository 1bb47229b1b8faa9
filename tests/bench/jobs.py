# SPDX-License-Identifier: GPL-2.0-only
"""What is measured: fio jobs, and what is read from their results."""

from dataclasses import dataclass

import joblist
from bed.layout import BedError


PERCENTILES = {"p50": "50.000000", "p99": "99.000000", "p99.9": "99.900000"}  # as fio calls them


@dataclass(frozen=True)
class Job:
    workload: str
    rw: str
    block_kib: int
    depth: int
    metric: str  # 'bandwidth' or 'iops'
    unit: str
    short: str

    def command(self, device, seconds):
        """Direct and asynchronous, each request submitted as soon as there is room: nothing helps batching along."""
        return joblist.command("fio", [] if "write" in self.rw else ["--readonly"], rw=self.rw, disk=device,
                               block_kib=self.block_kib, depth=self.depth, seconds=seconds)

    def read(self, result):
        """{metric: value} of fio's JSON: the job's own, and percentiles of latency."""
        job = result["jobs"][0]
        if job["error"]:
            raise BedError(f"fio reports error {job['error']} in {self.workload}")
        side = job["write" if "write" in self.rw else "read"]
        found = {self.metric: side["bw_bytes"] / 1e6 if self.metric == "bandwidth" else side["iops"]}
        percentiles = side.get("clat_ns", {}).get("percentile", {})
        return found | {f"latency {name}": percentiles[key] / 1000 for name, key in PERCENTILES.items()
                        if key in percentiles}


JOBS = [Job(**one) for one in joblist.LIST["disk"]]
