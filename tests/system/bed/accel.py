# SPDX-License-Identifier: GPL-2.0-only
"""Chooses how QEMU runs the machine: KVM where nested virtualisation really works, else TCG.

That /dev/kvm can be opened says nothing: some hosts offer one that fails on the first guest instruction. So
Xen itself is started under KVM for a few seconds, and only its own word that it can run HVM guests counts.
"""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .layout import BedError, run, say

# Under TCG each missing feature works around something: SMAP (dom0's first return to user space faults, as
# QEMU 7.2 reads the frame with supervisor rights), MONITOR (Xen's idle loop gets #GP from MWAIT with ECX=1),
# RDTSCP (Xen cannot decode the intercepted instruction without NRIPS), AVX and XSAVE (sporadic crashes of
# user programs).
TCG_CPU = ("EPYC,-avx,-avx2,-f16c,-fma,-xsave,-xsaveopt,-xsavec,-xgetbv1,+svm,+npt,-smap,-monitor,-rdtscp")
PROBE_SECONDS = 20


@dataclass(frozen=True)
class Accel:
    name: str
    args: tuple
    factor: int  # what to multiply time limits by, relative to KVM
    why: str


def _probe_kvm(xen, kernel):
    """None when Xen under KVM reports hardware virtualisation, else why not."""
    if not Path("/dev/kvm").exists():
        return "no /dev/kvm"
    nested = [p.read_text().strip() for p in Path("/sys/module").glob("kvm_*/parameters/nested")]
    if nested and not any(n in ("1", "Y", "y") for n in nested):
        return "KVM without nested virtualisation (module parameter nested is off)"
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "1024", "-display", "none",
               "-no-reboot", "-monitor", "none", "-serial", "stdio", "-kernel", xen, "-append",
               "console=com1 com1=115200,8n1 dom0_mem=512M noreboot loglvl=all",
               "-initrd", f"{kernel} panic=1"]
    try:
        qemu = subprocess.run(["timeout", "-k", "2", str(PROBE_SECONDS), *map(str, command)], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise BedError("qemu-system-x86_64 is not installed: run setup/setup.sh") from None
    text = qemu.stdout.decode(errors="replace")
    if re.search(r"HVM: (SVM|VMX) enabled", text) and "Hardware Assisted Paging (HAP) detected" in text:
        return None
    last = [line.strip() for line in text.splitlines() if line.strip()]
    return f"Xen did not start HVM under KVM, last line: {last[-1][:120] if last else 'none'}"


def choose(xen, kernel):
    """Says which accelerator is used and why."""
    start = time.monotonic()
    problem = _probe_kvm(xen, kernel)
    if problem is None:
        accel = Accel("kvm", ("-accel", "kvm", "-cpu", "host"), 1, "Xen runs HVM guests under it here")
    else:
        accel = Accel("tcg", ("-accel", "tcg,thread=multi", "-cpu", TCG_CPU), 4, problem)
        version = re.search(rb"version (\d+)\.(\d+)", run(["qemu-system-x86_64", "--version"], timeout=10))
        if version and int(version[1]) >= 10:
            say(f"warning: QEMU {version[1].decode()} under TCG is known to lose HVM guests at boot")
    say(f"accelerator {accel.name}: {accel.why} ({time.monotonic() - start:.1f} s to find out)")
    return accel
