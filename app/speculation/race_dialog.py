"""The race: plain decoding and a faster method beside each other, while they are written and then played together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.log import wording
from app.log.ledger import Ledger
from app.log.planning import plan_of
from app.log.race import Course, RaceReplay, Result, result_of
from app.log.replay import Replay
from app.look.announce import announce
from app.look.calm_dialog import CalmDialog
from app.look.label import Label, label
from app.look.palette import Palette
from app.look.room import make_room
from app.speculation.player import Player
from app.speculation.race_column import RaceColumn
from app.threads.failure import Failure
from engine.events import Event, Loading, Prefill
from engine.tally import Tally

HOW = (
    "Each runs alone, one after the other; then both are shown together. The clocks start once the question has "
    "been read."
)
LOSSY = "{} is lossy: its words may differ from plain's."
SIZE, LEAST = (940, 640), (540, 540)  # pixels, for text of the usual size


@dataclass(slots=True)
class Side:
    """One reply of a race, as it was written, and the column that shows it."""

    column: RaceColumn
    ledger: Ledger = field(default_factory=Ledger)
    tally: Tally = field(default_factory=Tally)


class RaceDialog(CalmDialog):
    """Shows a race as it is run, in ``palette``, and plays it: at once where things may move (``moving``).

    ``again`` and ``stop``: the reader wants that; ``save``: the race, with its Result, as a page of its own.
    """

    again = Signal()
    stop = Signal()
    save = Signal(object, object, object)  # Result, and the logs of the plain reply and of the fast one

    def __init__(self, palette: Palette, parent: QWidget, *, moving: bool) -> None:
        super().__init__(parent)
        self.setWindowTitle("Race")
        make_room(self, *LEAST)
        self.setMinimumSize(self.size())
        make_room(self, *SIZE)
        self.finished.connect(self._leave)
        self._palette, self._moving = palette, moving
        self._course = Course("", "", "", True, 0)
        self._sides: dict[str, Side] = {}
        self._replay: RaceReplay | None = None
        self.outcome: Result | None = None
        self.question, self.how = Label(), label(HOW, "small")
        self.question.setObjectName("optionTitle")
        self.verdict, self.facts = label("", "pageTitle"), label("", "small")
        self.player = Player(palette)
        kept = self.player.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # or the text would jump when both are done
        self.player.setSizePolicy(kept)
        self.player.shut.hide()  # the dialog has a button of its own
        self.player.moved.connect(self._moved)
        self.player.closed.connect(self.reject)
        self.stop_it, self.anew = self._button("Stop", self.stop.emit), self._button("Race again", self.again.emit)
        self.keep, self.close_it = self._button("Save as a page…", self._save), self._button("Close", self.reject)
        self._columns = QHBoxLayout()
        self._arrange()

    # While it is run

    def begin(self, course: Course) -> None:
        """Get ready for a race."""
        self._course, self.outcome, self._replay = course, None, None
        self.player.put_away()
        while self._columns.count():
            item = self._columns.takeAt(0)
            if item is not None and (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        kinds = {"plain": ("Plain", "one token at a time"), "fast": (course.title, _kind(course))}
        self._sides = {
            lane: Side(RaceColumn(title, note, self._palette, moving=self._moving))
            for lane, (title, note) in kinds.items()
        }
        for side in self._sides.values():
            self._columns.addWidget(side.column, 1)
        self.question.setText(self._shortened())
        self.how.setText(HOW if course.lossless else f"{HOW} {LOSSY.format(course.title)}")
        self._tell("")
        self._show_buttons(running=True)
        self.stop_it.setFocus()

    def turn(self, lane: str) -> None:
        """Show that ``lane`` is written from now on."""
        waiting = {name: side for name, side in self._sides.items() if side.tally.finished is None}
        for name, side in waiting.items():
            side.column.say("waiting for the model" if name == lane else "comes next")
        which = "1 of 2" if len(waiting) == 2 else "2 of 2"
        self.verdict.setText(f"Writing {which}: {self._sides[lane].column.accessibleName()}")

    def advance(self, lane: str, events: Sequence[Event]) -> None:
        """Let the reply in ``lane`` grow by ``events``."""
        side = self._sides[lane]
        shortened = side.ledger.add(events)
        side.tally.add(events)
        match events[-1]:
            case Loading():
                side.column.say("loading…")
            case Prefill():
                side.column.say("reading the question…")
            case _:
                side.column.say("writing…")
        side.column.show_moment(side.ledger, side.tally, side.tally.seconds, anew=shortened)

    def end(self, ending: str, failure: Failure | None) -> None:
        """Play both together once they are complete, or say why they are not."""
        for side in self._sides.values():
            if side.tally.finished is None:
                side.column.say("stopped" if side.tally.started is not None else "")
        plain, fast = self._sides["plain"], self._sides["fast"]
        if ending == "finished":
            self.outcome = result_of(self._course, (plain.ledger, plain.tally), (fast.ledger, fast.tally))
        self._show_buttons(running=False)
        if self.outcome is None:
            self._tell("Nothing was written." if ending == "finished" else "Stopped.", failure)
            self.anew.setFocus()
            return
        self._replay = RaceReplay(Replay(plain.ledger, plain.tally), Replay(fast.ledger, fast.tally))
        self._tell("")
        self.player.open_replay(self._replay, playing=self._moving)
        if not self._moving:
            self.player.seek(self._replay.length)

    # The window

    def set_palette(self, palette: Palette) -> None:
        """Take on other colours."""
        self._palette = palette
        self.player.set_palette(palette)
        for side in self._sides.values():
            side.column.set_palette(palette)

    def allow(self, why_not: str) -> None:
        """Let the reader race again, or say ``why_not``."""
        self.anew.setEnabled(not why_not)
        self.anew.setToolTip(why_not)

    def say(self, failure: Failure) -> None:
        """Say what went wrong with saving."""
        self._tell(failure.sentence, failure)

    def saved(self, name: str) -> None:
        """Say that the race lies in the file ``name``."""
        self.facts.setText(f"Saved as {name}; it plays in any browser.")

    def _leave(self) -> None:
        """End the race with its window."""
        self.stop.emit()
        self.player.put_away()

    def _moved(self, anew: bool) -> None:
        """Show both as they stand at the moment played; at the end what came of it."""
        replay = self._replay
        if replay is None:
            return
        for side, reply in zip(self._sides.values(), (replay.plain, replay.fast), strict=True):
            side.column.say("" if reply.over else "writing…")
            side.column.show_moment(reply.ledger, reply.tally, reply.seconds, anew=anew)
        if replay.over and self.outcome is not None and self.verdict.text() != str(self.outcome):
            self.verdict.setText(str(self.outcome))
            self.facts.setText(self._said_beside(replay.fast.tally))
            announce(self, str(self.outcome))

    def _said_beside(self, fast: Tally) -> str:
        """Return what the result rests on, and what is to be known of the method's reply."""
        plan = plan_of(fast, technical=False)
        known = (f"{self.outcome.figures}." if self.outcome else "", wording.drift(fast), plan.reason if plan else "")
        return " ".join(part for part in known if part)

    def _tell(self, sentence: str, failure: Failure | None = None) -> None:
        self.verdict.setText(failure.sentence if failure is not None else sentence)
        self.facts.setText(failure.hint if failure is not None else "")

    def _save(self) -> None:
        if self.outcome is not None:
            self.save.emit(self.outcome, self._sides["plain"].ledger, self._sides["fast"].ledger)

    def _shortened(self) -> str:
        """Return the question's first line, as much of it as has a place."""
        line = next(iter(self._course.question.strip().splitlines()), "")
        return line if len(line) <= 90 else f"{line[:89]}…"

    def _show_buttons(self, *, running: bool) -> None:
        self.stop_it.setVisible(running)
        self.anew.setVisible(not running)
        self.keep.setVisible(not running)
        self.keep.setEnabled(self.outcome is not None)

    def _button(self, text: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text.rstrip("…"))
        button.clicked.connect(act)
        return button

    def _arrange(self) -> None:
        rows, buttons = QVBoxLayout(self), QHBoxLayout()
        rows.setContentsMargins(20, 16, 20, 16)
        rows.setSpacing(10)
        self._columns.setSpacing(12)
        rows.addWidget(self.question)
        rows.addWidget(self.how)
        rows.addLayout(self._columns, 1)
        rows.addWidget(self.verdict)
        rows.addWidget(self.facts)
        rows.addWidget(self.player)
        buttons.addWidget(self.keep, 0, Qt.AlignmentFlag.AlignLeft)
        buttons.addStretch()
        for button in (self.stop_it, self.anew, self.close_it):
            buttons.addWidget(button)
        rows.addLayout(buttons)


def _kind(course: Course) -> str:
    return "exact: the same words" if course.lossless else "lossy"
