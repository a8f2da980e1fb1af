"""Orders to the downloader process and its answers: frozen values that travel as one line of JSON each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.config import Role
from engine.dimensions import Dimensions, dimensions_of
from engine.library.faults import Kind, LibraryError

State = Literal["waiting", "looking", "downloading", "stalled", "checking", "paused", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the downloader waits before it reports a stall, reconnects or tries again, in seconds.

    It calls a file stalled after ``quiet`` without a byte and reconnects after ``silence``; it waits ``first``
    before the second attempt and doubles that up to ``most``. ``tries`` attempts in a row without a new byte are
    one too many (None: it never gives up on the network).
    """

    quiet: float = 6.0
    silence: float = 25.0
    first: float = 1.0
    most: float = 60.0
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One checkpoint to fetch, and the commit it is pinned to once that is known."""

    role: Role
    repository: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One job for the downloader. ``token`` never leaves the pipe it came through."""

    task: Literal["get", "inspect", "signin", "browser", "release"]
    job: str
    library: Path = Path()
    wanted: tuple[Wanted, ...] = ()
    token: str | None = None
    patience: Patience = Patience()
    spare: int = 1 << 30  # bytes of the disk left to others
    client: int = 0  # the process that ordered it

    def __repr__(self) -> str:
        """Leave the token out: an order may end up in a log."""
        return f"Order({self.task} {self.job})"


@dataclass(frozen=True, slots=True)
class FileProgress:
    """One file of a job; sizes in bytes."""

    repository: str
    path: str
    size: int
    have: int
    state: State


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has got, complete in itself: the latest one is all a view needs.

    ``speed`` in bytes per second over the last seconds, ``left`` in seconds, None until that is more than a guess.
    ``say`` is one sentence in plain words and ``hint`` what to do about it; ``kind`` is set when the job failed.
    ``pinned`` holds (name asked for, the Hub's own name, commit) for what is known so far. ``again`` is set while a
    job waits: the seconds until its next attempt.
    """

    job: str
    state: State
    say: str
    hint: str = ""
    kind: Kind | None = None
    have: int = 0
    size: int = 0
    speed: float | None = None
    left: float | None = None
    files: tuple[FileProgress, ...] = ()
    pinned: tuple[tuple[str, str, str], ...] = ()
    again: float | None = None

    @property
    def over(self) -> bool:
        """True when nothing more will happen by itself."""
        return self.state in {"done", "failed", "paused", "cancelled"}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the Hub says about a repository before a byte of its weights is fetched.

    ``download`` in bytes; ``config``: its config.json.
    """

    repository: str
    revision: str
    licence: str
    form: str
    parameters: int
    download: int
    config: Mapping[str, Any]

    @property
    def dimensions(self) -> Dimensions:
        """What decides how much memory it takes."""
        return dimensions_of(self.config, self.repository)


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A sign-in waits to be confirmed: on the page at ``address``, with ``code``, within ``seconds``."""

    address: str
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The Hub knows the token: it belongs to ``account``.

    ``token`` is one the Hub has made for a sign-in by browser, good for ``seconds`` (0: until it is revoked).
    """

    account: str
    token: str = dataclasses.field(default="", repr=False)
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Release:
    """A version of Updraft, and the address of its page, "" where it has none that can be opened."""

    version: str
    page: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An order that failed: a LibraryError on its way out of the downloader, as JSON can carry it."""

    kind: Kind
    sentence: str
    hint: str

    def error(self) -> LibraryError:
        """Return it as the exception it was in the downloader."""
        return LibraryError(self.kind, self.sentence, self.hint)


LOCK, OWNER = ".downloading.lock", ".downloading.json"  # in the library: held by, and naming, the downloader
QUEUE = "downloads.json"  # in the library: the jobs
STAY = "stay"  # a word that may follow an order: go on when the one who ordered is gone
NOW = "now"  # the other: do not wait for the next attempt

Told = Progress | Inspection | DeviceCode | SignedIn | Release | Failure
_TOLD = {kind.__name__: kind for kind in (Progress, Inspection, DeviceCode, SignedIn, Release, Failure)}


def encode(value: Order | Told) -> str:
    """Return ``value`` as one line of JSON, its line end included."""
    fields = {"type": type(value).__name__, **dataclasses.asdict(value)}
    return json.dumps(fields, default=str) + "\n"


def decode_order(line: str) -> Order:
    """Invert ``encode`` for an Order."""
    fields: dict[str, Any] = json.loads(line)
    del fields["type"]
    fields["library"] = Path(fields["library"])
    fields["wanted"] = tuple(Wanted(**each) for each in fields["wanted"])
    fields["patience"] = Patience(**fields["patience"])
    return Order(**fields)


def decode_told(line: str) -> Told:
    """Invert ``encode`` for what the downloader tells; raises ValueError, KeyError or TypeError for anything else."""
    fields: dict[str, Any] = json.loads(line)
    kind = _TOLD[fields.pop("type")]
    if kind is Progress:
        fields["files"] = tuple(FileProgress(**each) for each in fields["files"])
        fields["pinned"] = tuple((asked, repository, revision) for asked, repository, revision in fields["pinned"])
    told: Told = kind(**fields)
    return told
