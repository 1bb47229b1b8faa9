# SPDX-License-Identifier: GPL-2.0-only
"""The bed of a measurement: for as long as it lasts, or until Ctrl-C."""

import contextlib
import signal
from pathlib import Path

from bed.layout import BedError
from bed import runs
from bed.machine import Machine

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def machine():
    """The bed that is up, which stays, or one of its own.

    Ctrl-C ends one of its own at once: what the block would undo inside it goes with it.
    """
    if runs.DEFAULT_NAME in runs.alive():
        yield Machine.attach()
        return
    own = Machine.start(modules=ROOT, name="bench", lane="parallel")
    interrupted = []

    def end(*_):
        interrupted.append(True)
        own.process.terminate()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield own
    except BedError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        own.stop()
        signal.signal(signal.SIGINT, before)


def explain(error):
    """What went wrong first, and what could not be undone after that."""
    story = []
    while error:
        story.append(str(error))
        error = error.__context__ if isinstance(error.__context__, BedError) else None
    return "\nafter that: ".join(reversed(story))
