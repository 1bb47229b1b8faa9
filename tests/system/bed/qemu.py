# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's command line for a bed, and its monitor."""

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import cache, emulator
from .layout import BedError, run

SCRATCH, SCRATCH_MIB = "scratch.img", 3072  # dom0's third disk: empty, and not a snapshot
GUESTS_MIB = 4096  # beside dom0's memory: Xen's own and that of all guests
STOP_SECONDS = 30

# A PVH dom0's devices are behind an IOMMU, which Xen demands for one, and with them what QEMU emulates for it: a virtio
# device that went round it would take addresses of the domain for the machine's.
PVH_MACHINE = "q35"
PVH_DEVICES = ["-device", "amd-iommu"]
BEHIND_IOMMU = ",disable-legacy=on,iommu_platform=on"


@dataclass(frozen=True)
class Plan:
    """All that decides what a machine is like when it has booted. memory is dom0's, in MiB; dom0 its kind."""

    made: object  # image.Artefacts
    accel: object  # accel.Accel
    vcpus: int = 1
    memory: int = 3072
    kernel: str = None
    dom0: str = "pv"

    @property
    def ram_mib(self):
        return self.memory + GUESTS_MIB

    def machine(self, memory_file=None, share=False):
        """The options of the machine itself. memory_file: what its memory is mapped from; share: and written to."""
        xen_options = (f"console=com1 com1=115200,8n1 dom0_mem={self.memory}M,max:{self.memory}M "
                       f"dom0_max_vcpus={self.vcpus} loglvl=all guest_loglvl=all cpuidle=0")
        board, devices, virtio = "pc", [], ""
        if self.dom0 == "pvh":
            board, devices, virtio = PVH_MACHINE, PVH_DEVICES, BEHIND_IOMMU
            xen_options += " dom0=pvh"
        memory = []
        if memory_file:
            board += ",memory-backend=ram"
            memory = ["-object", f"memory-backend-file,id=ram,size={self.ram_mib}M,mem-path={memory_file},"
                                 f"share={'on' if share else 'off'}"]
        made = self.made
        return [
            self.accel.qemu, *self.accel.args, *memory, "-machine", board, *devices, "-m", str(self.ram_mib),
            "-no-reboot", "-nodefaults", "-display", "none",
            "-kernel", made.xen, "-append", xen_options,
            "-initrd", f"{made.kernel} console=hvc0 panic=1 loglevel=7,{made.dom0_initramfs}",
            "-drive", f"file={made.dom0_root},if=none,id=root,format=raw,cache=unsafe,snapshot=on",
            "-device", f"virtio-blk-pci,drive=root{virtio}",
            "-drive", f"file={made.guest_tools},if=none,id=tools,format=raw,snapshot=on",
            "-device", f"virtio-blk-pci,drive=tools{virtio}",
            "-device", f"virtio-blk-pci,drive=scratch{virtio}",
            "-device", f"virtio-9p-pci,fsdev=share,mount_tag=host{virtio}",
            "-device", f"virtio-serial-pci{virtio}",
            "-device", "virtserialport,chardev=agent,name=bed",
        ]

    @staticmethod
    def ends(folder):
        """The ends of the machine's devices on the host, in the folder of a run."""
        return [
            "-serial", f"file:{folder}/xen.log",
            "-qmp", f"unix:{folder}/monitor.sock,server=on,wait=off",
            "-drive", f"file={folder}/{SCRATCH},if=none,id=scratch,format=raw,cache=unsafe,discard=unmap",
            "-fsdev", f"local,id=share,path={folder}/share,security_model=none",
            "-chardev", f"socket,id=agent,path={folder}/agent.sock,server=on,wait=off",
        ]


def version():
    """As QEMU says it, with the distribution's own number."""
    return run([emulator.NAME, "--version"], timeout=10).decode().splitlines()[0]


def spawn(command, folder, lock, detached):
    """Starts QEMU. It holds the lock of the bed, and those of what it was started from, for as long as it runs."""
    if not detached:  # a test run that is killed takes its machine with it
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    command = [str(c) for c in command]
    (folder / "qemu.cmd").write_text("\n".join(command) + "\n")
    with open(folder / "qemu.err", "wb") as errors:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                pass_fds=[lock.fileno(), *cache.held()], start_new_session=True)


def await_socket(path, process, timeout=20):
    """Waits until QEMU has made a socket; what it said when it has ended instead."""
    deadline = time.monotonic() + timeout
    while not path.exists():
        if time.monotonic() > deadline or (process and process.poll() is not None):
            said = path.parent / "qemu.err"
            raise BedError(f"QEMU did not start: {said.read_text(errors='replace')[-800:] if said.exists() else ''}")
        time.sleep(0.02)


class Monitor:
    """QEMU's monitor (QMP): one command at a time."""

    def __init__(self, folder, process=None):
        path = Path(folder) / "monitor.sock"
        await_socket(path, process)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(STOP_SECONDS)
        try:
            self._socket.connect(str(path))
            self._lines = self._socket.makefile("rb")
            self._lines.readline()  # the greeting
            self.call("qmp_capabilities")
        except OSError as error:
            raise BedError(f"QEMU's monitor {path} does not answer: {error}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        self._socket.close()

    def call(self, command, **arguments):
        """What the command returns; BedError with QEMU's words when it refuses."""
        try:
            self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            for line in self._lines:
                reply = json.loads(line)
                if "return" in reply:
                    return reply["return"]
                if "error" in reply:
                    raise BedError(f"QEMU refuses {command}: {reply['error'].get('desc')}")
        except (OSError, ValueError) as error:
            raise BedError(f"QEMU's monitor: {command}: {error}") from None
        if command == "quit":
            return None
        raise BedError(f"QEMU has ended during {command}")

    def human(self, line):
        """The text of a command of the monitor for people."""
        return self.call("human-monitor-command", **{"command-line": line})
