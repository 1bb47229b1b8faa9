# SPDX-License-Identifier: GPL-2.0-only
"""What netprobe sees and what it lets pass, on this machine's loopback with somebody in the middle. Needs no bed."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from bed import image

SIZE = 3 << 20
CHUNK = 1 << 16
ORDER = 24  # bytes of what the client asks for, ahead of what it sends


@dataclass(frozen=True)
class Probe:
    """The program, and where it serves."""

    program: Path
    port: int

    def client(self, *args):
        return subprocess.run([self.program, *map(str, args)], capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    image.compile_probe(folder)
    program = folder / "netprobe"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    subprocess.run([program, "serve", str(port)], check=True)
    yield Probe(program, port)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "exe") == str(program):
                os.kill(int(process.name), signal.SIGKILL)


def _pass(source, target, first=0, change=None):
    """What follows the first bytes, which are passed on as they are, is the stream: changed, if at all, as a whole."""
    with contextlib.suppress(OSError):
        if change:
            target.sendall(_take(source, first))
            target.sendall(change(bytearray(_take(source, SIZE))))
        while data := source.recv(CHUNK):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _take(source, wanted):
    return source.recv(wanted, socket.MSG_WAITALL) if wanted else b""


@contextlib.contextmanager
def middle(way, change, port):
    """The port of somebody who passes one connection on, after what change(stream) makes of one way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", port))
            for passed in ((client, server, ORDER, change if way == "up" else None),
                           (server, client, 0, change if way == "down" else None)):
                threading.Thread(target=_pass, args=passed, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def flipped(stream):
    stream[123456] ^= 0x10
    return stream


def last_flipped(stream):
    stream[-1] ^= 1
    return stream


def swapped(stream):
    """Two neighbouring pages."""
    return stream[:8192] + stream[12288:16384] + stream[8192:12288] + stream[16384:]


def repeated(stream):
    """A page that still has what was in it before."""
    return stream[:8192] + stream[4096:8192] + stream[12288:]


def lost(stream):
    """A byte; the stream is as long as before."""
    return stream[:70000] + stream[70001:] + b"x"


def blank(stream):
    return stream[:100] + bytes(8) + stream[108:]


CHANGES = [flipped, last_flipped, swapped, repeated, lost, blank]


def run(probe, way, change):
    with middle(way, change, probe.port) as port:
        return probe.client("tcp", "127.0.0.1", port, way, SIZE, 7)


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_is_passed_on_arrives(probe, way):
    done = run(probe, way, bytes)
    assert done.returncode == 0 and f"bytes {SIZE} " in done.stdout, done.stderr


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", ["up", "down"])
def test_what_is_changed_is_seen(probe, way, change):
    done = run(probe, way, change)
    assert done.returncode == 1, done.stdout
    if way == "down":  # else the other end saw it, and hung up
        assert "arrived as" in done.stderr
    if way == "down" and change is flipped:
        assert f"byte 123456 of {SIZE} arrived" in done.stderr


def test_a_datagram_that_is_changed_is_seen(probe):
    """Behind a server that answers with one byte changed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
        liar.bind(("127.0.0.1", 0))

        def answer():
            data, peer = liar.recvfrom(1 << 16)
            liar.sendto(data[:700] + bytes([data[700] ^ 1]) + data[701:], peer)

        threading.Thread(target=answer, daemon=True).start()
        done = probe.client("udp", "127.0.0.1", liar.getsockname()[1], 1400)
    assert done.returncode == 1 and "byte 700 of a datagram of 1400" in done.stderr
