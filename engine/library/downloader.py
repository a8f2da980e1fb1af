"""The downloader: a process that does one job for the one that started it, and may be killed at any moment.

It reads one order as a line of JSON from its standard input and tells what happens as lines of JSON on its
standard output. When the input ends, the one who ordered is gone, and so is the job, unless it was told to stay.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from filelock import FileLock, Timeout

from engine.errors import UpdraftError
from engine.library.announced import announced
from engine.library.browser import confirmed
from engine.library.faults import LibraryError
from engine.library.fetch import Transient
from engine.library.hub import Hub
from engine.library.manifest import write_json
from engine.library.protocol import LOCK, NOW, OWNER, STAY, Failure, Order, SignedIn, Told, decode_order, encode
from engine.library.status import Status
from engine.library.transfer import Transfer, disk_trouble, in_trouble

PATIENCE = 8  # times the longest silence: how long a question may take, headers of many files included


def main() -> int:
    """Carry out the order on standard input; returns 0 when it was done, 1 when it ended in trouble."""
    order = decode_order(sys.stdin.readline())
    tell = Teller()
    threading.Thread(target=tell.follow_client, name="leash", daemon=True).start()
    return _get(order, tell) if order.task == "get" else _ask(order, tell)


class Teller:
    """Writes to standard output from any thread, as long as somebody listens."""

    def __init__(self) -> None:
        self._stay, self._lock = threading.Event(), threading.Lock()
        self.hurry = threading.Event()

    def __call__(self, told: Told) -> None:
        with self._lock:
            try:
                sys.stdout.write(encode(told))
                sys.stdout.flush()
            except (OSError, ValueError):
                self._leave()

    def follow_client(self) -> None:
        """Read standard input to its end, and end the process with it unless it was told to stay."""
        for line in sys.stdin:
            if line.strip() == STAY:
                self._stay.set()
            elif line.strip() == NOW:
                self.hurry.set()
        self._leave()

    def _leave(self) -> None:
        if not self._stay.is_set():
            os._exit(1)  # nothing to tidy up: every byte on disk is where the next downloader looks for it


def _get(order: Order, tell: Teller) -> int:
    with Status(order.job, order.patience.quiet, tell) as status:
        try:
            _transfer(order, status, tell.hurry)
        except Timeout:
            status.failed(
                LibraryError(
                    "busy",
                    "Another Updraft is downloading into this folder.",
                    "Wait until it is done, or stop it there.",
                )
            )
        except UpdraftError as trouble:
            status.failed(in_trouble(trouble))
        except OSError as error:
            status.failed(disk_trouble(error, order.library))
        return 0 if status.now().state == "done" else 1


def _transfer(order: Order, status: Status, hurry: threading.Event) -> None:
    order.library.mkdir(parents=True, exist_ok=True)
    with FileLock(order.library / LOCK, timeout=0):
        write_json(order.library / OWNER, {"process": os.getpid(), "client": order.client})
        Transfer(order, Hub(order.token, order.patience.silence), status, hurry=hurry).run()


def _ask(order: Order, tell: Callable[[Told], None]) -> int:
    if order.task != "browser":  # which waits for a person
        threading.Thread(target=_give_up, args=(PATIENCE * order.patience.silence, tell), daemon=True).start()
    hub = Hub(order.token, order.patience.silence)
    try:
        if order.task == "release":
            tell(announced(order.job, order.patience.silence))
        elif order.task == "signin":
            tell(SignedIn(hub.account()))
        elif order.task == "browser":
            tell(confirmed(tell, order.patience.silence))
        else:
            tell(hub.inspect(order.wanted[0].repository, order.wanted[0].revision))
    except UpdraftError as error:
        trouble = in_trouble(error)
        tell(Failure(trouble.kind, trouble.sentence, trouble.hint))
        return 1
    except Transient as cut:
        tell(Failure("network", f"{cut}.", "Check the connection and try again."))
        return 1
    return 0


def _give_up(seconds: float, tell: Callable[[Told], None]) -> NoReturn:
    """End a question whose answer keeps coming for ever, a byte at a time."""
    time.sleep(seconds)
    tell(Failure("network", "Hugging Face's answer does not come to an end.", "Check the connection and try again."))
    os._exit(1)


def _end(status: int) -> NoReturn:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)  # the leash still reads standard input, which an orderly exit would wait for


if __name__ == "__main__":
    _end(main())
