# SPDX-License-Identifier: GPL-2.0-only
"""What is measured: fio jobs, and what is read from their results."""

from dataclasses import dataclass

from bed.layout import BedError


PERCENTILES = {"p50": "50.000000", "p99": "99.000000", "p99.9": "99.900000"}  # as fio calls them


@dataclass(frozen=True)
class Job:
    workload: str
    rw: str
    block_kib: int
    depth: int
    metric: str  # 'bandwidth' or 'iops'

    @property
    def unit(self):
        return {"bandwidth": "MB/s", "iops": "IOPS"}[self.metric]

    @property
    def short(self):
        return f"{self.rw} {self.block_kib}K {self.depth}".replace("rand", "r")

    def command(self, device, seconds):
        """Direct and asynchronous, each request submitted as soon as there is room: nothing helps batching along."""
        return (f"fio --name={self.rw} --filename={device} --rw={self.rw} --bs={self.block_kib}k "
                f"--iodepth={self.depth} --ioengine=libaio --direct=1 --time_based --runtime={seconds} "
                "--norandommap --randrepeat=0 --group_reporting --output-format=json")

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


JOBS = [
    Job("sequential read 128 KiB QD8", "read", 128, 8, "bandwidth"),
    Job("sequential write 128 KiB QD8", "write", 128, 8, "bandwidth"),
    Job("random read 4 KiB QD32", "randread", 4, 32, "iops"),
    Job("random write 4 KiB QD32", "randwrite", 4, 32, "iops"),
    Job("random read 4 KiB QD1", "randread", 4, 1, "iops"),
    Job("random write 4 KiB QD1", "randwrite", 4, 1, "iops"),
]
