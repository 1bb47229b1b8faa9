# SPDX-License-Identifier: GPL-2.0-only
"""When the bed may say that a guest was lost by the emulator, and when it may not."""

import lzma
import struct

import pytest

from bed.kernel_code import ELF_HEADER, LOAD, SEGMENT
from bed.watch import Watch

BASE = 0xffffffff81000000
# nop; sti; hlt; in; cpuid; rdmsr; wrmsr; ret; ud2; vmmcall; vmrun
CODE = bytes.fromhex("90 fbf4 e442 0fa2 0f32 0f30 c3 0f0b 0f01d9 0f01d8")


@pytest.fixture
def watch(tmp_path):
    """The logs of a run whose guests' kernel is a few bytes long."""
    size = ELF_HEADER.size + SEGMENT.size
    elf = (ELF_HEADER.pack(2, 62, 1, 0, ELF_HEADER.size, 0, 0, ELF_HEADER.size, SEGMENT.size, 1, 0, 0, 0)
           + SEGMENT.pack(LOAD, 5, size, BASE, 0, len(CODE), len(CODE), 0) + CODE)
    (tmp_path / "share/guest").mkdir(parents=True)
    (tmp_path / "share/guest/vmlinuz").write_bytes(b"boot code" + lzma.compress(elf) + struct.pack("<I", len(elf)))
    return Watch(tmp_path)


def says(watch, rip, more=""):
    (watch.folder / "xen.log").write_text(
        "(XEN) d1v1 Triple fault - invoking HVM shutdown action 1\n(XEN) *** Dumping Dom1 vcpu#1 state: ***\n"
        f"(XEN) CPU:    0\n(XEN) RIP:    {rip}\n(XEN) RFLAGS: 0000000000000216   CONTEXT: hvm guest (d1v1)\n{more}")
    return watch.emulator_fault({})


@pytest.mark.parametrize("address", [BASE + 3, BASE + 5, BASE + 7, BASE + 9, BASE + 11, BASE + 17])
def test_behind_what_leaves_for_xen(watch, address):
    assert says(watch, f"0010:[<{address:016x}>]")


@pytest.mark.parametrize("address", [BASE - 1, BASE, BASE + 1, BASE + 2, BASE + 4, BASE + 12, BASE + 14,
                                     BASE + 15, BASE + 16, BASE + 20, BASE + 21])
def test_anywhere_else_in_the_kernel(watch, address):
    assert not says(watch, f"0010:[<{address:016x}>]")


def test_with_registers_of_xen(watch):
    assert says(watch, "e008:[<ffff82d040203000>]")


def test_amid_a_programs_cpuid(watch):
    maker = "(XEN) rax: 0000000000000001   rbx: 0000000068747541   rcx: 00000000444d4163\n"
    assert says(watch, "0033:[<00007f0000001000>]", maker)
    assert not says(watch, "0033:[<00007f0000001000>]", maker.replace("68747541", "68747542"))
    model = "(XEN) rax: 0000000000800f12   rbx: 0000000000000000   rcx: 0000000000000071\n"
    assert says(watch, "0033:[<00007f0000001000>]", model)
    assert not says(watch, "0033:[<00007f0000001000>]", model.replace("800f12", "800f13"))


def test_events_taken_twice_at_the_kernels_entry(watch):
    console = watch.folder / "share/xen/console/guest-pvh.log"
    console.parent.mkdir(parents=True)
    console.write_text("BUG: ENTRY_TRAMPOLINE stack guard page was hit at 00000000a3ec9168\n")
    assert says(watch, "e008:[<0000000000000000>]")
    console.write_text("BUG: TASK stack guard page was hit at 00000000a3ec9168\n")
    assert not says(watch, "e008:[<0000000000000000>]")


def test_another_end_of_a_guest(watch):
    assert not says(watch, f"0010:[<{BASE + 3:016x}>]".replace("0010", "0000"))
    assert watch.triple_fault({})
    (watch.folder / "xen.log").write_text("(XEN) domain_crash called from svm.c:2800\n")
    assert not watch.emulator_fault({}) and not watch.triple_fault({})
