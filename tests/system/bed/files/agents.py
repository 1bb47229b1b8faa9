# SPDX-License-Identifier: GPL-2.0-only
"""Dom0's end of the lines to the agents (agent/main.c): those of guests, and one of dom0's own for its commands."""

import contextlib
import itertools
import socket
import subprocess
import threading

GRACE = 12  # seconds on top of a request's own limit: an agent ends a late command in up to ten
PROGRAM = "/run/bed/bedagent"


def _escape(data):
    return data.replace(b"\x10", b"\x10P").replace(b"\n", b"\x10J")


def _unescape(data):
    return data.replace(b"\x10J", b"\n").replace(b"\x10P", b"\x10")


class Line:
    """One thread reads it; any number of callers wait for their tags."""

    known = {}
    guard = threading.Lock()

    def __init__(self, path):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(path)
        else:
            self.socket, its = socket.socketpair()
            with its:
                subprocess.Popen([PROGRAM, "-"], stdin=its)
        self.tags = map(str, itertools.count())
        self.replies = {}  # of callers that wait: None until the reply has come, empty where none will
        self.news = threading.Condition()
        self.sending = threading.Lock()
        self.alive = True
        threading.Thread(target=self.read, daemon=True).start()

    @classmethod
    def at(cls, path):
        """path: the socket behind a guest's channel, or None for dom0."""
        with cls.guard:
            line = cls.known.get(path)
            if line is None or not line.alive:
                line = cls.known[path] = cls(path)
            return line

    def read(self):
        # A guest that dies amid a reply resets the connection; the next of its name has another one.
        with contextlib.suppress(OSError), self.socket.makefile("rb") as lines:
            for line in lines:
                tag = line[1:].partition(b" ")[0].decode(errors="replace")
                with self.news:
                    if line == b"!\n":  # an agent that knows nothing of what the last one was asked
                        self.replies.update({asked: b"" for asked, reply in self.replies.items() if reply is None})
                    elif line.startswith(b"=") and line.endswith(b"\n") and tag in self.replies:
                        self.replies[tag] = line
                    self.news.notify_all()
        with self.news:
            self.alive = False
            self.news.notify_all()

    def ask(self, limit, name, args):
        """(status, whether it was late, output, error output), or None without an answer. args: bytes."""
        with self.news:
            tag = next(self.tags)
            self.replies[tag] = None
        try:
            with self.sending:
                self.socket.sendall(b"?" + _escape(b"\0".join([f"{tag} {limit} {name}".encode(), *args])) + b"\n")
            with self.news:
                self.news.wait_for(lambda: self.replies[tag] is not None or not self.alive, limit + GRACE)
        finally:
            with self.news:
                line = self.replies.pop(tag)
        if not line:
            return None
        _, status, late, length, data = line[:-1].split(b" ", 4)
        data = _unescape(data)
        return int(status), late == b"1", data[:int(length)], data[int(length):]
