# SPDX-License-Identifier: GPL-2.0-only
"""What is at an address of a guest's kernel, read from the image that it was started from."""

import functools
import lzma
import struct

XZ = bytes.fromhex("fd377a585a00")
ELF_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
LOAD = 1


@functools.lru_cache(maxsize=1)
def _image(vmlinuz):
    """The ELF file in a kernel that was packed with xz; what follows it in there is not looked at."""
    data = vmlinuz.read_bytes()
    return lzma.LZMADecompressor().decompress(data[data.index(XZ):])


def bytes_before(vmlinuz, address, count):
    """So many bytes before an address, as the linker placed them: guests run without KASLR. Empty: not the kernel's."""
    elf = _image(vmlinuz)
    _, _, _, _, offset, _, _, _, size, number, *_ = ELF_HEADER.unpack_from(elf)
    for i in range(number):
        kind, _, at, virtual, _, length, _, _ = SEGMENT.unpack_from(elf, offset + i * size)
        if kind == LOAD and virtual <= address - count and address <= virtual + length:
            return elf[at + address - count - virtual:at + address - virtual]
    return b""
