"""A Hub on loopback that speaks the real protocol to the real client, and misbehaves on request.

Small files are served by the Hub itself; weights are redirected to a second server on another port, as the real
Hub does with its storage. Every byte served is counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

BLOCK = 1 << 14


@dataclass
class Fault:
    """What goes wrong with requests for ``path``, the next ``times`` of them.

    ``kind``: "cut" after ``at`` bytes, "stall" after ``at`` bytes, "flip" the byte at ``at``, "whole" (200 for a
    range), "status" (answer ``status`` with ``headers``), "slow" (``at`` bytes a second), "misplaced" (a range other
    than the one asked for).
    """

    kind: str
    path: str
    at: int = 0
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Repository:
    """One model: its commits by name, the newest being main."""

    commits: dict[str, dict[str, bytes]]
    gated: bool = False
    members: frozenset[str] = frozenset()
    licence: str = "apache-2.0"

    @property
    def main(self) -> str:
        """The commit that main means now."""
        return list(self.commits)[-1]


@dataclass
class Odd:
    """An answer as it is: ``body`` is sent without a length, block by block, until the client has enough."""

    body: Iterable[bytes] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class FakeHub:
    """Both servers and all they know. ``address`` is what HF_ENDPOINT should be."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.accounts = {"hf_good": "ada", "hf_stranger": "bob"}
        self.confirmation = "authorization_pending"  # what a sign-in by browser is told; "" once it is confirmed
        self.granted: dict[str, Any] = {"access_token": "hf_good", "expires_in": 3600}
        self.faults: list[Fault] = []
        self.claims: dict[str, dict[str, Any]] = {}  # what is told of a repository against the truth
        self.odd: dict[str, Odd] = {}  # answers that have nothing of a Hub, by the end of their path
        self.served: dict[str, list[tuple[int, int]]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.release = threading.Event()
        self.hub = _Server(self, "hub")
        self.storage = _Server(self, "storage")
        self.address = f"http://127.0.0.1:{self.hub.server_address[1]}"

    def publish(self, name: str, files: dict[str, bytes], **traits: Any) -> str:
        """Put a new commit of a repository on main and return it."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        known = self.repositories.setdefault(name, Repository({}, **traits))
        known.commits[commit] = files
        return commit

    def bytes_served(self, path: str) -> int:
        """Return how many bytes of files called ``path`` were written to sockets."""
        return sum(end - start for start, end in self.served.get(path, []))

    def asked(self, part: str) -> list[tuple[str, str, dict[str, str]]]:
        """Return the requests whose path contains ``part``: server, path, headers."""
        return [request for request in self.requests if part in request[1]]

    def fault_for(self, path: str) -> Fault | None:
        """Use up one fault meant for ``path``."""
        with self.lock:
            for fault in self.faults:
                if fault.path in path and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def close(self) -> None:
        """Stop both servers and let go of those that are stalled."""
        self.release.set()
        for server in (self.hub, self.storage):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: FakeHub, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner, self.name = owner, name
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: that is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes; with it each answer takes 40 ms longer
    server: _Server
    routes: ClassVar[dict[str, str]] = {
        r"/api/whoami-v2": "whoami",
        r"/api/models/(?P<name>[^/]+/[^/]+)/auth-check": "auth_check",
        r"/api/models/(?P<name>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?": "info",
        r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)": "resolve",
        r"/blobs/(?P<sha256>[0-9a-f]{64})/(?P<path>.+)": "blob",
    }

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        owner, path = self.server.owner, unquote(urlsplit(self.path).path)
        with owner.lock:
            owner.requests.append((self.server.name, path, {k.lower(): v for k, v in self.headers.items()}))
        odd = next((answer for end, answer in owner.odd.items() if path.endswith(end)), None)
        if odd is not None:
            self.answer_oddly(odd)
            return
        if self.server.name == "hub" and self.headers.get("Authorization") and not self.account:
            self.refuse(401, "", "Invalid credentials in Authorization header")
            return
        for pattern, action in self.routes.items():
            found = re.fullmatch(pattern, path)
            if found:
                getattr(self, action)(**found.groupdict())
                return
        self.refuse(404, "EntryNotFound")

    def do_POST(self) -> None:
        """The device code grant: a code to be confirmed, and the answer to whoever asks whether it was."""
        owner = self.server.owner
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with owner.lock:
            owner.requests.append((self.server.name, self.path, {}))
        if self.path == "/oauth/device":
            self.answer(
                {
                    "device_code": "secret",
                    "user_code": "ABCD-1234",
                    "verification_uri": f"{owner.address}/device",
                    "interval": 0.05,
                    "expires_in": 60,
                }
            )
        elif owner.confirmation:
            self.answer({"error": owner.confirmation}, 400)
        else:
            self.answer(owner.granted)

    @property
    def account(self) -> str | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.server.owner.accounts.get(token)

    def whoami(self) -> None:
        self.answer({"name": self.account, "type": "user"})

    def auth_check(self, name: str) -> None:
        if self.may_read(name):
            self.answer({})

    def may_read(self, name: str) -> bool:
        repository = self.server.owner.repositories.get(name)
        if repository is None:
            self.refuse(404 if self.account else 401, "RepoNotFound")
            return False
        if repository.gated and self.account not in repository.members:
            self.refuse(403 if self.account else 401, "GatedRepo")
            return False
        return True

    def commit(self, name: str, revision: str | None) -> tuple[str, dict[str, bytes]] | None:
        fault = self.server.owner.fault_for(f"{name}/@{revision or 'main'}")
        if fault:
            self.refuse(fault.status, "", headers=fault.headers)
            return None
        repository = self.server.owner.repositories.get(name)
        if repository is None:
            self.refuse(404 if self.account else 401, "RepoNotFound")
            return None
        commit = repository.main if revision in {None, "main"} else str(revision)
        if commit not in repository.commits:
            self.refuse(404, "RevisionNotFound")
            return None
        return commit, repository.commits[commit]

    def info(self, name: str, revision: str | None) -> None:
        """As the Hub does, send those on who write a name in another case."""
        known = {each.casefold(): each for each in self.server.owner.repositories}.get(name.casefold(), name)
        if known != name:
            tail = f"/revision/{revision}" if revision else ""
            self.answer({}, 307, {"Location": f"/api/models/{known}{tail}?blobs=true"})
            return
        found = self.commit(name, revision)
        if found:
            repository = self.server.owner.repositories[name]
            self.answer(
                {
                    "id": name,
                    "modelId": name,
                    "sha": found[0],
                    "private": False,
                    "gated": "auto" if repository.gated else False,
                    "tags": [],
                    "cardData": {"license": repository.licence},
                    "siblings": [_listed(path, content) for path, content in found[1].items()],
                    **self.server.owner.claims.get(name, {}),
                }
            )

    def resolve(self, name: str, revision: str, path: str) -> None:
        if not self.may_read(name):
            return
        found = self.commit(name, revision)
        if not found:
            return
        commit, files = found
        if path not in files:
            self.refuse(404, "EntryNotFound")
            return
        content = files[path]
        sha256 = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
        if not path.endswith(".safetensors"):
            self.send_file(path, content, headers)
            return
        port = self.server.owner.storage.server_address[1]
        location = f"http://127.0.0.1:{port}/blobs/{sha256}/{path}"
        self.answer({}, 302, {**headers, "X-Linked-ETag": f'"{sha256}"', "Location": location})

    def blob(self, sha256: str, path: str) -> None:
        for repository in self.server.owner.repositories.values():
            for files in repository.commits.values():
                if path in files and hashlib.sha256(files[path]).hexdigest() == sha256:
                    self.send_file(path, files[path], {"ETag": f'"{sha256}"'})
                    return
        self.refuse(404, "EntryNotFound")

    def send_file(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        fault = self.server.owner.fault_for(path)
        if fault and fault.kind == "status":
            self.refuse(fault.status, "", headers=fault.headers)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        ignored = fault is not None and fault.kind == "whole"
        start, end = (
            (int(wanted[1]), int(wanted[2] or len(content) - 1) + 1) if wanted and not ignored else (0, 1 << 62)
        )
        end = min(end, len(content))
        if wanted and not ignored and start >= len(content):
            self.answer(b"", 416, {"Content-Range": f"bytes */{len(content)}"})
            return
        if fault and fault.kind == "misplaced":
            start = max(0, start - 7)
        self.send_response(206 if wanted and not ignored else 200)
        if wanted and not ignored:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        for name, value in {**headers, "Accept-Ranges": "bytes", "Content-Length": str(end - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.send_body(path, content, start, end, fault)

    def send_body(self, path: str, content: bytes, start: int, end: int, fault: Fault | None) -> None:
        if fault and fault.kind == "flip":
            content = content[: fault.at] + bytes([content[fault.at] ^ 1]) + content[fault.at + 1 :]
        at = start
        stop = min(end, start + fault.at) if fault and fault.kind in {"cut", "stall"} else end
        with contextlib.suppress(OSError):
            while at < stop:
                block = content[at : min(at + BLOCK, stop)]
                self.wfile.write(block)
                at += len(block)
                if fault and fault.kind == "slow":
                    time.sleep(len(block) / fault.at)
            self.wfile.flush()
        with self.server.owner.lock:
            self.server.owner.served.setdefault(path, []).append((start, at))
        if fault and fault.kind == "stall":
            self.server.owner.release.wait(30)
        if fault and fault.kind in {"cut", "stall"}:
            self.close_connection = True

    def answer_oddly(self, odd: Odd) -> None:
        self.send_response(odd.status)
        for name, value in odd.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            for block in odd.body:
                self.wfile.write(block)

    def refuse(self, status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> None:
        named = {"X-Error-Code": code, "X-Error-Message": message or code}
        self.answer({"error": message or code}, status, {**named, **(headers or {})})

    def answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _listed(path: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": blob}
    if path.endswith(".safetensors"):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return entry


@contextlib.contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Run a fake Hub for the length of a with block."""
    hub = FakeHub()
    try:
        yield hub
    finally:
        hub.close()
