# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the line to the agent in dom0: JSON requests over a virtio serial port."""

import itertools
import json
import os
import socket
import threading

from .layout import BedError

GRACE = 15  # seconds on top of a command's own limit before the agent itself counts as gone


class Channel:
    """Any number of threads may call; one thread reads replies and hands them out by id."""

    def __init__(self, path, connect_timeout):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(connect_timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            raise BedError(f"the machine's agent port {path} cannot be reached: {error}") from None
        self._socket.settimeout(None)
        self._ids = (f"{os.getpid()}-{n}" for n in itertools.count())
        self._replies = {}
        self._news = threading.Condition()
        self._open = True
        self._sending = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    try:
                        reply = json.loads(line)
                    except ValueError:
                        continue  # the tail of a reply to an earlier client
                    with self._news:
                        self._replies[reply["id"]] = reply
                        self._news.notify_all()
        except OSError:
            pass
        with self._news:
            self._open = False
            self._news.notify_all()

    def call(self, timeout, **request):
        """The agent's reply, or BedError when none comes in time or the machine has gone."""
        request["id"] = tag = next(self._ids)
        request["timeout"] = timeout
        # The leading newline ends whatever half line an interrupted client left behind.
        data = b"\n" + json.dumps(request).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            raise BedError(f"the machine has gone: {error}") from None
        with self._news:
            self._news.wait_for(lambda: tag in self._replies or not self._open, timeout + GRACE)
            reply = self._replies.pop(tag, None)
        if reply is None:
            raise BedError("the machine has gone" if not self._open else
                           f"dom0's agent did not answer within {timeout + GRACE} s")
        if "error" in reply:
            raise BedError(f"dom0's agent: {reply['error']}")
        return reply

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
