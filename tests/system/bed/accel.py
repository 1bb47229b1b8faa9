# SPDX-License-Identifier: GPL-2.0-only
"""Chooses how QEMU runs the machine: the lane, under KVM where nested virtualisation really works, else under TCG.

That /dev/kvm can be opened says nothing: some hosts offer one that fails on the first guest instruction. So
Xen itself is started under KVM for a few seconds, and only its own word that it can run HVM guests counts.
"""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import cache, emulator, qemu
from .layout import BedError, say

# Under TCG each missing feature works around something: SMAP (dom0's first return to user space faults, as
# QEMU 7.2 reads the frame with supervisor rights), MONITOR (Xen's idle loop gets #GP from MWAIT with ECX=1),
# RDTSCP (Xen cannot decode the intercepted instruction without NRIPS), AVX and XSAVE (sporadic crashes of
# user programs).
TCG_CPU = ("EPYC,-avx,-avx2,-f16c,-fma,-xsave,-xsaveopt,-xsavec,-xgetbv1,+svm,+npt,-smap,-monitor,-rdtscp")
PROBE_SECONDS = 20


@dataclass(frozen=True)
class Lane:
    """One of two ways to run the machine. guests: those that stand in it from the beginning (standing.py)."""

    name: str
    cpus: int
    tcg: tuple
    guests: tuple


# In the steady lane time follows the instructions that were executed: no load of the host bends a verdict or a cost.
# Its one CPU finds no race, and QEMU loses HVM guests there: for these there is the parallel lane.
LANES = {lane.name: lane for lane in (
    Lane("steady", 1, ("tcg,thread=single", "-icount", "shift=2,sleep=on"), ("pvh", "pv", "smp")),
    Lane("parallel", 2, ("tcg,thread=multi",), ("pvh", "smp", "hvm")),
)}
DEFAULT_LANE = "steady"


@dataclass(frozen=True)
class Accel:
    name: str
    args: tuple
    factor: int  # what to multiply time limits by, relative to KVM
    lane: Lane
    version: str  # of QEMU
    qemu: str = emulator.NAME


def _probe_kvm(xen, kernel):
    """'' when Xen under KVM reports hardware virtualisation, else why not."""
    command = [emulator.NAME, "-accel", "kvm", "-cpu", "host", "-m", "1024", "-display", "none",
               "-no-reboot", "-monitor", "none", "-serial", "stdio", "-kernel", xen, "-append",
               "console=com1 com1=115200,8n1 dom0_mem=512M noreboot loglvl=all",
               "-initrd", f"{kernel} panic=1"]
    try:
        probe = subprocess.run(["timeout", "-k", "2", str(PROBE_SECONDS), *map(str, command)], check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise BedError(f"{emulator.NAME} is not installed: run setup/setup.sh") from None
    text = probe.stdout.decode(errors="replace")
    if re.search(r"HVM: (SVM|VMX) enabled", text) and "Hardware Assisted Paging (HAP) detected" in text:
        return ""
    last = [line.strip() for line in text.splitlines() if line.strip()]
    return f"Xen did not start HVM under KVM, last line: {last[-1][:120] if last else 'none'}"


def _why_not_kvm(made, version):
    """The same, asked once for each boot of this machine, and again when KVM comes, goes or changes."""
    if not Path("/dev/kvm").exists():
        return "no /dev/kvm"
    nested = [p.read_text().strip() for p in Path("/sys/module").glob("kvm_*/parameters/nested")]
    if nested and not any(n in ("1", "Y", "y") for n in nested):
        return "KVM without nested virtualisation (module parameter nested is off)"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    key = cache.key_of(boot, nested, Path("/dev/kvm").stat().st_ctime, version, made.xen)
    answer = cache.cached("kvm", key, lambda out: (out / "why-not").write_text(_probe_kvm(made.xen, made.kernel)))
    return (answer / "why-not").read_text()


def choose(made, lane=DEFAULT_LANE):
    """Says which accelerator is used and why. made: image.Artefacts."""
    if lane not in LANES:
        raise BedError(f"lane {lane!r}: known are {' '.join(LANES)}")
    lane = LANES[lane]
    start = time.monotonic()
    version = qemu.version()
    problem = _why_not_kvm(made, version)
    smp = ("-smp", str(lane.cpus))
    if problem:
        chosen = Accel("tcg", ("-accel", *lane.tcg, "-cpu", TCG_CPU, *smp), 4, lane, version, str(emulator.mended()))
        number = re.search(r"version (\d+)\.(\d+)", version)
        if number and int(number[1]) >= 10:
            say(f"warning: QEMU {number[1]} under TCG is known to lose HVM guests at boot: use 7.2, or KVM")
    else:
        chosen = Accel("kvm", ("-accel", "kvm", "-cpu", "host", *smp), 1, lane, version)
    say(f"{lane.name} lane, accelerator {chosen.name}: {problem or 'Xen runs HVM guests under it here'} "
        f"({time.monotonic() - start:.1f} s to find out)")
    return chosen
