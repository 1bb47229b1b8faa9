# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the line to the agent in dom0: JSON requests over a virtio serial port."""

import itertools
import json
import os
import socket
import threading

from .layout import BedError

GRACE = 15  # seconds of the machine, on top of a command's own limit, before the agent itself counts as gone
BEAT = 5  # seconds between looks at the machine's clock while a command runs; each costs it some instructions
# Seconds without any answer after which the machine counts as gone. Long: where time follows instructions the machine
# stands still for as long as the host has no processor for it.
SILENCE = 300


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
        self.beat = BEAT
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
        """The agent's reply, or BedError when none comes in time or the machine has gone.

        The limit is in seconds of the machine, which asks its clock: those of the host say nothing of a machine that
        has no processor to itself.
        """
        tag = self._send(timeout=timeout, **request)
        began = None
        while not self._wait(tag, self.beat):
            now = self.now()
            began = now if began is None else began
            if now - began > timeout + GRACE:
                raise BedError(f"dom0's agent did not answer within {timeout + GRACE} s")
        return self._take(tag)

    def now(self):
        """Seconds on the machine's clock, which counts from its boot."""
        tag = self._send(op="clock", timeout=GRACE)
        if not self._wait(tag, SILENCE):
            raise BedError(f"dom0's agent has said nothing for {SILENCE} s")
        return self._take(tag)["value"]

    def _send(self, **request):
        request["id"] = tag = next(self._ids)
        # The leading newline ends whatever half line an interrupted client left behind.
        data = b"\n" + json.dumps(request).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            raise BedError(f"the machine has gone: {error}") from None
        return tag

    def _wait(self, tag, seconds):
        """Whether there is anything to take, the end of the machine too."""
        with self._news:
            return self._news.wait_for(lambda: tag in self._replies or not self._open, seconds)

    def _take(self, tag):
        with self._news:
            reply = self._replies.pop(tag, None)
        if reply is None:
            raise BedError("the machine has gone")
        if "error" in reply:
            raise BedError(f"dom0's agent: {reply['error']}")
        return reply

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
