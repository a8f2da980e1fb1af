"""Limits what a Hub can make this process do: no endless answers, no redirects to private addresses.

Hangs on the HTTP client itself, because the Hub's own library asks most of the questions.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from engine.library.fetch import STRANGE, Transient

MOST = 64 << 20  # bytes of an answer that is not a file: the longest listing has a third of that
FILE = "updraft_file"  # marks requests whose answer is as long as a file; those are bounded where they are written


class Guard:
    """Watches the requests of one client. Raises Transient from within them.

    An answer may take ``patience`` seconds in all. Redirects to this machine, its network or an address without a
    router are refused, unless ``endpoint``, the Hub that was asked for, is such an address itself.
    """

    def __init__(self, endpoint: str, patience: float) -> None:
        self._patience = patience
        self._home = urlsplit(endpoint).hostname or ""
        self._resolve = not getproxies()  # a proxy looks names up itself, and here that may take for ever
        self._private: bool | None = None  # whether the Hub itself is near; looked up when it first matters

    def watch(self, client: Any) -> None:
        """Hang on ``client``, in the place of the guard that was there before."""
        hooks = {event: [*client.event_hooks.get(event, ())] for event in ("request", "response")}
        for event, hook in (("request", self._request), ("response", self._response)):
            kept = [each for each in hooks[event] if not isinstance(getattr(each, "__self__", None), Guard)]
            hooks[event] = [*kept, hook]
        client.event_hooks = hooks

    def _request(self, request: Any) -> None:
        host = request.url.host
        if host == self._home or not is_near(host, self._resolve):
            return
        if self._private is None:
            self._private = is_near(self._home, self._resolve)
        if not self._private:
            raise Transient(f"Hugging Face sends Updraft on to an address of this network ({host}), which is refused")

    def _response(self, response: Any) -> None:
        if FILE not in response.request.extensions:
            packed = response.headers.get("Content-Encoding", "identity") != "identity"
            most = MOST // 100 if packed else MOST  # unpacked it may be a thousand times as long
            response.stream = _bounded(response.stream, most, self._patience)


def is_near(host: str, resolve: bool = True) -> bool:
    """Return whether ``host`` is this machine, its network, or an address that nobody routes.

    Names are looked up only where ``resolve`` says so.
    """
    how = 0 if resolve else socket.AI_NUMERICHOST
    try:
        addresses = {found[4][0] for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=how)}
    except (OSError, UnicodeError):
        return False  # a proxy may know it; who else asks for it will be told
    return any(not ipaddress.ip_address(str(each).partition("%")[0]).is_global for each in addresses)


def _bounded(stream: Any, most: int, patience: float) -> Any:
    """Return ``stream`` with an end: after ``most`` bytes or ``patience`` seconds."""
    kind = type(stream)

    class Bounded(kind):  # type: ignore[misc, valid-type] # the client insists on its own class of streams
        def __init__(self) -> None:
            """Take no state of the client's: all of it is in the stream behind."""

        def __iter__(self) -> Iterator[bytes]:
            end, count = time.monotonic() + patience, 0
            for block in stream:
                count += len(block)
                if count > most or time.monotonic() > end:
                    raise Transient(STRANGE if count > most else "Hugging Face's answer does not come to an end")
                yield block

        def close(self) -> None:
            stream.close()

    return Bounded()
