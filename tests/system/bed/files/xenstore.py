# SPDX-License-Identifier: GPL-2.0-only
"""A client of xenstored: Xen's public header xs_wire.h over the daemon's own socket, without a process per question."""

import contextlib
import os
import select
import socket
import struct
import time

SOCKET = "/run/xenstored/socket"
HEADER = struct.Struct("=IIII")  # what is asked, request, transaction, length
DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, START, END, WRITE, MKDIR, RM, SET_PERMS, EVENT, ERROR = (
    1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16)
REASONS = {"ENOENT": FileNotFoundError, "EEXIST": FileExistsError, "EACCES": PermissionError}


class Again(OSError):
    """Somebody else changed what a transaction has seen."""


class Store:
    """One connection, for one thread at a time. What is not there is None, or empty."""

    idle = []  # connections that nobody uses: a list's own pop and append are all the locking that they need

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(SOCKET)
        self.transaction = 0
        self.events = 0

    @classmethod
    @contextlib.contextmanager
    def borrowed(cls):
        """One that others use again, unless something went wrong with it."""
        try:
            store = cls.idle.pop()
        except IndexError:
            store = cls()
        try:
            yield store
        except BaseException:
            store.socket.close()
            raise
        cls.idle.append(store)

    def _take(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("xenstored has gone")
            data += part
        return data

    def _receive(self):
        kind, _, _, length = HEADER.unpack(self._take(HEADER.size))
        return kind, self._take(length)

    def _ask(self, kind, *words, last=b""):
        """Words end with a NUL each, the last bytes do not."""
        data = b"".join(word.encode() + b"\0" for word in words) + last
        self.socket.sendall(HEADER.pack(kind, 0, self.transaction, len(data)) + data)
        while True:
            got, data = self._receive()
            if got != EVENT:
                break
            self.events += 1
        if got == ERROR:
            reason = data.rstrip(b"\0").decode()
            if reason == "EAGAIN":
                raise Again(reason)
            raise REASONS.get(reason, OSError)(f"xenstore: {' '.join(words[:2])}: {reason}")
        return data

    def read(self, path):
        try:
            return self._ask(READ, path).decode(errors="replace")
        except FileNotFoundError:
            return None

    def list(self, path):
        try:
            return [name.decode() for name in self._ask(DIRECTORY, path).split(b"\0") if name]
        except FileNotFoundError:
            return []

    def write(self, path, value):
        self._ask(WRITE, path, last=value.encode())

    def mkdir(self, path, perms=()):
        """perms: as xenstore-chmod takes them, the owner first: n0, r1."""
        self._ask(MKDIR, path)
        if perms:
            self.set_perms(path, perms)

    def perms(self, path):
        return [word.decode() for word in self._ask(GET_PERMS, path).split(b"\0") if word]

    def set_perms(self, path, perms):
        self._ask(SET_PERMS, path, *perms)

    def rm(self, path):
        with contextlib.suppress(FileNotFoundError):
            self._ask(RM, path)

    def prune(self, path):
        """Removes a path, and what is empty above it then, as libxl does."""
        self.rm(path)
        parent = os.path.dirname(path)
        while len(parent) > 1 and not self.list(parent) and self.read(parent) is not None:
            self.rm(parent)
            parent = os.path.dirname(parent)

    def change(self, action):
        """action(self) in a transaction, which is begun again when somebody else was quicker."""
        while True:
            self.transaction = int(self._ask(START, "").rstrip(b"\0"))
            done = False
            try:
                result = action(self)
                done = True
            finally:
                with contextlib.nullcontext() if done else contextlib.suppress(OSError):
                    applied = self._end(done)
            if applied:
                return result

    def _end(self, good):
        try:
            self._ask(END, "T" if good else "F")
            return True
        except Again:
            return False
        finally:
            self.transaction = 0

    def watch(self, path):
        """From now on changes at and below the path count as events, and the watch itself as one."""
        self._ask(WATCH, path, path)

    def await_event(self, seconds):
        """False: nothing happened in this time."""
        if not self.events and select.select([self.socket], [], [], max(0, seconds))[0]:
            self._receive()
            self.events += 1
        happened, self.events = self.events > 0, 0
        return happened


def await_true(paths, condition, seconds):
    """Waits until condition(store) is not None, looking at each change of these paths; returns it, or None when the
    time is over."""
    deadline = time.monotonic() + seconds
    store = Store()
    with store.socket:
        for path in paths:
            store.watch(path)
        while (met := condition(store)) is None:
            if not store.await_event(deadline - time.monotonic()):
                return condition(store)
        return met
