"""One download job from its first question to the Hub to the last verified file."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from engine.config import DRAFTERS, TARGET
from engine.dimensions import dimensions_of
from engine.errors import CheckpointError, ModelSetError, UpdraftError
from engine.library.checkpoint_files import read_config
from engine.library.faults import Kind, LibraryError
from engine.library.fetch import Answer, DamagedError, Open, RangeRefused, Room, Transient, fetch, no_space
from engine.library.fitting import role_for
from engine.library.manifest import Entry, Manifest
from engine.library.paths import delete, inside, is_commit
from engine.library.protocol import Order, Patience, Wanted
from engine.library.status import Status
from engine.library.vocabulary import check_shared

DAMAGED_TRIES = 3
PASSING: frozenset[Kind] = frozenset({"network", "offline", "space", "folder"})  # trouble that another try may mend
LONGEST = 600.0  # seconds a server may ask to wait; the Hub counts requests over 300
T = TypeVar("T")


class Source(Protocol):
    """Where checkpoints come from; ``engine.library.hub.Hub`` is one."""

    def plan(self, repository: str, revision: str | None, *, drafter: bool = False) -> Manifest:
        """List what to fetch."""

    def open(self, plan: Manifest, path: str, start: int) -> contextlib.AbstractContextManager[Answer]:
        """Give one file's bytes from ``start`` on."""


def free_on_disk(folder: Path) -> int:
    """Return the free bytes of the disk ``folder`` is on."""
    return shutil.disk_usage(folder).free


class Transfer:
    """Carries out one order. Every step may be killed at any moment and is taken up again by the next Transfer."""

    def __init__(
        self,
        order: Order,
        source: Source,
        status: Status,
        free: Callable[[Path], int] = free_on_disk,
        hurry: threading.Event | None = None,
    ) -> None:
        self._order, self._source, self._status, self._free = order, source, status, free
        self._hurry = hurry or threading.Event()  # set by somebody who does not want to wait for the next attempt
        self._left_out: list[str] = []  # a sentence for every drafter that could not be had

    def run(self) -> None:
        """Fetch all that is wanted; raises LibraryError, ModelSetError or CheckpointError when it cannot."""
        self._status.looking()
        models = [wanted for wanted in self._order.wanted if wanted.role not in DRAFTERS]
        plans = {wanted.repository: self._settle(wanted) for wanted in models}
        target = next((plans[wanted.repository] for wanted in models if wanted.role == TARGET), None)
        drafters = self._settle_drafters(target) if target else {}
        unique = list({plan.folder(self._order.library): plan for plan in plans.values()}.values())
        self._status.listed(plans | drafters, self._order.library)
        self._make_room([*unique, *drafters.values()])
        unique = [self._fetch_all(plan, weights=False) for plan in unique]
        self._check(unique)
        for plan in unique:
            whole = replace(self._fetch_all(plan, weights=True), complete=True)
            replace(whole, alone=whole.alone or len(plans) == 1).save(self._order.library)
        for plan in drafters.values():
            self._fetch_drafter(plan, next(each for each in unique if each.repository in plan.serves))
        self._status.done(" ".join(self._left_out))

    def _settle_drafters(self, target: Manifest) -> dict[str, Manifest]:
        """Return the plans of the drafters that can be had; the set is whole without the others."""
        plans = {}
        for wanted in self._order.wanted:
            if wanted.role in DRAFTERS:
                with self._or_without(wanted.repository):
                    plans[wanted.repository] = self._settle(wanted).serving(wanted.role, target.repository)
        return plans

    def _fetch_drafter(self, plan: Manifest, target: Manifest) -> None:
        """Fetch a drafter behind the model that it serves; one that does not suit it after all does not stay."""
        folder = plan.folder(self._order.library)
        with self._or_without(plan.repository):
            plan = self._fetch_all(self._fetch_all(plan, weights=False), weights=True)
            try:
                role_for(folder, target.folder(self._order.library))
            except CheckpointError:
                if not plan.complete:  # one that was there before may serve another model
                    delete(self._order.library, folder)
                raise
            replace(plan, complete=True).save(self._order.library)

    @contextlib.contextmanager
    def _or_without(self, repository: str) -> Iterator[None]:
        """Go on without the drafter in ``repository`` where it cannot be had, and say so in the end."""
        try:
            yield
        except UpdraftError as error:
            if isinstance(error, LibraryError) and error.kind in PASSING:
                raise
            self._status.without(repository)
            self._left_out.append(f"It goes without its drafter {repository}: {error.sentence}")

    def _settle(self, wanted: Wanted) -> Manifest:
        """Return the plan already on disk for a pinned commit, else ask the Hub for one and write it down."""
        if is_commit(wanted.revision):
            with contextlib.suppress(LibraryError):
                return Manifest.load(Manifest(wanted.repository, wanted.revision, ()).folder(self._order.library))
        ask = partial(self._source.plan, wanted.repository, wanted.revision, drafter=wanted.role in DRAFTERS)
        plan = self._patiently(ask, lambda: 0)
        folder = plan.folder(self._order.library)
        try:
            with contextlib.suppress(LibraryError):  # none yet, or one that can no longer be read
                return Manifest.load(folder)
            plan.save(self._order.library)
        except OSError as error:
            raise disk_trouble(error, self._order.library) from error
        self._inherit(plan, folder)
        return plan

    def _inherit(self, plan: Manifest, folder: Path) -> None:
        """Take over what other versions of the same repository already have of ``plan``'s files."""
        for older in folder.parent.iterdir():
            try:
                manifest = Manifest.load(older) if older != folder else None
            except LibraryError:
                continue
            if manifest is None or manifest.repository != plan.repository:
                continue
            theirs = {(each.sha256 or each.blob, each.size): each.path for each in manifest.files}
            for entry in plan.files:
                path = theirs.get((entry.sha256 or entry.blob, entry.size))
                if path is not None:
                    _take_over(inside(older, path), entry.final(folder), move=not manifest.complete)
            if not manifest.complete:
                delete(folder.parent, older)

    def _make_room(self, plans: list[Manifest]) -> None:
        lacking = sum(self._lacking(plan) for plan in plans)
        short = lacking + self._order.spare - self._free(self._order.library)
        if lacking and short > 0:
            raise no_space(self._order.library, short, self._order.spare)

    def _lacking(self, plan: Manifest) -> int:
        folder = plan.folder(self._order.library)
        present = 0
        for entry in plan.files:
            for path in (entry.final(folder), entry.part(folder)):
                present += min(path.stat().st_size, entry.size) if path.exists() else 0
        return max(0, plan.size - present)

    def _fetch_all(self, plan: Manifest, weights: bool) -> Manifest:
        folder = plan.folder(self._order.library)
        for entry in plan.files:
            if entry.weights != weights:
                continue
            final = entry.final(folder)
            if entry.sha256 and final.is_file() and final.stat().st_size == entry.size:
                self._status.has(plan.repository, entry)  # it was verified before it got this name
                continue
            if final.exists():
                final.replace(entry.part(folder))  # of unknown content: hashed, not fetched again
            plan = plan.with_digest(entry.path, self._fetch(plan, entry, folder))
            plan.save(self._order.library)
            self._status.has(plan.repository, entry)
        return plan

    def _fetch(self, plan: Manifest, entry: Entry, folder: Path) -> str:
        room = Room(self._order.library, self._order.spare, self._free)
        part = entry.part(folder)
        open_at: Open = lambda start: self._source.open(plan, entry.path, start)  # noqa: E731
        tick = self._status.begin(plan.repository, entry)
        for _ in range(DAMAGED_TRIES):
            try:
                return self._patiently(
                    lambda: fetch(entry, folder, open_at, tick, room),
                    lambda: part.stat().st_size if part.exists() else 0,
                )
            except RangeRefused:
                part.unlink(missing_ok=True)
            except DamagedError:
                self._status.say(f"{entry.path} arrived damaged; fetching it again.")
        raise LibraryError(
            "damaged",
            f"{entry.path} of {plan.repository} arrives damaged every time.",
            "Something on the way changes the data (a proxy, a mirror, a virus scanner): try another way.",
        )

    def _check(self, plans: list[Manifest]) -> None:
        folders = {plan.repository: plan.folder(self._order.library) for plan in plans}
        for name, folder in folders.items():
            dimensions_of(read_config((folder / "config.json").read_bytes(), name), name)
        if len(folders) > 1:
            check_shared(folders)

    def _patiently(self, step: Callable[[], T], progress: Callable[[], int]) -> T:
        """Take ``step`` until the network lets it through; ``progress`` tells whether a failed one got further."""
        patience, failures, reached = self._order.patience, 0, progress()
        while True:
            try:
                return step()
            except RangeRefused:
                raise
            except Transient as trouble:
                failures = 1 if progress() > reached else failures + 1
                reached = progress()
                if patience.tries is not None and failures >= patience.tries:
                    raise LibraryError(
                        "network", f"{trouble}.", "Check the connection; what has arrived is kept."
                    ) from trouble
                self._wait(trouble, patience, failures)

    def _wait(self, trouble: Transient, patience: Patience, failures: int) -> None:
        pause = pause_before(failures, patience, trouble.wait)
        self._hurry.clear()
        self._status.stalled(str(trouble), pause)
        self._hurry.wait(pause)
        self._status.resumed()


def pause_before(failures: int, patience: Patience, asked: float | None) -> float:
    """Return the seconds to wait after ``failures`` in a row, ``asked`` being how many the server wants."""
    if asked is not None:
        return min(max(asked, patience.first), LONGEST)
    return min(patience.first * 2.0 ** min(failures - 1, 16), patience.most)


def _take_over(source: Path, target: Path, move: bool) -> None:
    part = source.with_name(source.name + ".part")
    with contextlib.suppress(OSError):  # where it cannot be taken over it is fetched
        if move and part.exists() and not target.exists():
            part.replace(target.with_name(target.name + ".part"))
        if source.exists():
            if move:
                source.replace(target)
            else:
                os.link(source, target)


def in_trouble(error: UpdraftError) -> LibraryError:
    """Return ``error`` with a kind, for those that come from other rooms."""
    if isinstance(error, LibraryError):
        return error
    kind: Kind = "vocabulary" if isinstance(error, ModelSetError) else "unsupported"
    return LibraryError(kind, error.sentence, error.hint)


def disk_trouble(error: OSError, folder: Path) -> LibraryError:
    """Return what a failed disk operation under ``folder`` means to a person."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return no_space(folder, 0)
    return LibraryError(
        "folder",
        f"The folder {folder} cannot be used: {error.strerror or error}.",
        "Connect its drive, correct its permissions or choose another folder; what has arrived is kept.",
    )
