# SPDX-License-Identifier: GPL-2.0-only
"""QEMU without the fault by which it loses guests of a hypervisor under TCG.

When Xen injects an interrupt into a guest (VMRUN with EVENTINJ), QEMU notes its vector as the CPU's pending exception,
delivers it, and never takes the note back. Nobody looks at that until the CPU leaves the guest's code for another
reason than an exit to Xen: a timer's end where time follows instructions, another CPU's flush where CPUs run at once.
Then the vector is delivered a second time, whether the guest takes interrupts or not: amid the entry of the first, with
a page of stack and user space's segments. The guest dies of a stack overrun or a triple fault.

The bed runs a copy of this machine's QEMU without the store of that note. Seen in 7.2; 10 has the same lines.
"""

import re
import shutil
from pathlib import Path

from . import cache
from .layout import BedError, say

NAME = "qemu-system-x86_64"

# The end of helper_vmrun, for an event of type INTR. Displacements differ between builds; the store of the note is in
# brackets.
INJECTS = re.compile(
    rb"\x44\x89\xab...."  # mov %r13d,error_code(%rbx)
    rb"(\x89\xb3....)"  # mov %esi,exception_index(%rbx)
    rb"\xc7\x83....\0\0\0\0"  # movl $0,exception_is_int(%rbx)
    rb"\x48\xc7\x83....\xff\xff\xff\xff"  # movq $-1,exception_next_eip(%rbx)
    rb"\xf6\x05....\x02\x0f\x85...."  # is it to be logged?
    rb"\xba\x01\0\0\0\x48\x89\xdf\xe8....",  # do_interrupt_x86_hardirq(env, vector, 1)
    re.DOTALL)
NOTHING = bytes.fromhex("660f1f440000")  # an instruction of the same length that does nothing


def mended():
    """The path of the copy; of this machine's own where it is not known what to mend."""
    found = shutil.which(NAME)
    if not found:
        raise BedError(f"{NAME} is not installed: run setup/setup.sh")
    own = Path(found).resolve()
    made = cache.cached("qemu", cache.key_of(own, Path(__file__)), lambda out: _make(own, out))
    copy = made / "bin" / NAME
    if not copy.exists():
        say(f"{own} is a build whose injection of interrupts the bed does not know how to mend: it will lose guests "
            "now and then, and repeat their tests")
        return own
    return copy


def _make(own, out):
    code = without_the_note(own.read_bytes())
    if code is None:
        return
    (out / "bin").mkdir()
    copy = out / "bin" / NAME
    copy.write_bytes(code)
    copy.chmod(0o755)
    for name in ("share", "lib"):  # it looks for its firmware and modules beside itself
        (out / name).symlink_to(own.parent.parent / name)


def without_the_note(code):
    """The program mended, or None where that place is not found, or more than one that looks like it."""
    places = list(INJECTS.finditer(code))
    if len(places) != 1:
        return None
    return code[:places[0].start(1)] + NOTHING + code[places[0].end(1):]
