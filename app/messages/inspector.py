"""Chooses what is inspected: the view of the answers, the answer the panel is about, and the moment of a replay."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, QSettings
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from app.log.replay import Replay
from app.messages.answer import Answer
from app.messages.answer_views import View
from app.messages.transcript import Transcript
from app.speculation.panel import SpeculationPanel
from app.speculation.player import Player
from engine.tally import Tally

FIGURES = 100  # ms between two looks at the panel's figures while a replay runs
TITLES: dict[View, str] = {"reading": "Reading", "trace": "Trace"}
TIPS: dict[View, str] = {
    "reading": "The answer typeset (Ctrl+T changes)",
    "trace": "Every token: who guessed it, who rejected it, what replaced it (Ctrl+T changes)",
}


class Inspector(QObject):
    """Connects ``transcript`` and ``panel``: tokens chosen in one are outlined in the other.

    The panel is about the answer in flight or the last one; choosing a token of an older answer shows that one's
    figures until the next answer begins. A replay in ``player`` shows both as they stood at some moment.
    """

    def __init__(
        self, transcript: Transcript, panel: SpeculationPanel, player: Player, settings: QSettings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._transcript, self._panel, self._player, self._settings = transcript, panel, player, settings
        self._about: Answer | None = None  # None: the last one
        self._moment: Replay | None = None  # what is played
        self._left: View | None = None  # the view before a replay
        self._followed = False  # whether the end was in view before it
        self._figures_age = QElapsedTimer()
        group = QActionGroup(self)
        self.views: dict[View, QAction] = {}
        for view, title in TITLES.items():
            action = self.views[view] = QAction(title, group, checkable=True, toolTip=TIPS[view])
            action.triggered.connect(lambda _, chosen=view: self.show_view(chosen))
        self.views[transcript.view].setChecked(True)
        self.switch = QAction("Reading or Trace", self, shortcut=QKeySequence("Ctrl+T"))
        self.switch.triggered.connect(lambda: self.show_view("trace" if transcript.view == "reading" else "reading"))
        transcript.token_chosen.connect(self._token_chosen)
        panel.rounds.timeline.chosen.connect(self._pass_chosen)
        panel.rounds.replay.clicked.connect(self.replay)
        transcript.message_actions.replay.connect(self._replay)
        player.moved.connect(self._replayed)
        player.closed.connect(self._replay_over)

    def show_view(self, view: View) -> None:
        """Show all answers in ``view``, and remember it; a replay is only to be seen in the trace."""
        if view == "reading":
            self._player.close_replay()
        self.views[view].setChecked(True)
        self._settings.setValue("view", view)
        self._transcript.show_view(view)

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names wherever they are captioned, or by plain ones."""
        self._transcript.show_technical(technical)
        self._panel.show_technical(technical)

    def begin(self) -> None:
        """Turn to the answer that begins."""
        self._player.close_replay()
        self._about = None
        self._panel.rounds.timeline.release()

    def show_figures(self, tally: Tally, *, running: bool) -> None:
        """Show the counts and rounds of the last answer, unless the panel is about another."""
        if self._about is None:
            self._panel.show_tally(tally, running=running)
            if self._transcript.answers:
                self._panel.show_ledger(self._transcript.answers[-1].ledger)

    def reset(self) -> None:
        """Forget every answer."""
        self._player.close_replay()
        self._about = None
        self._panel.reset()

    @property
    def message(self) -> int | None:
        """The message with the answer the panel is about."""
        return next((row.message for row in self._transcript.rows if row.body is self._subject), None)

    def replay(self) -> None:
        """Play again the answer the panel is about, if it is complete and its rounds are known."""
        if (answer := self._subject) is not None:
            self._replay(answer)

    def _replay(self, answer: Answer) -> None:
        if not answer.replayable:
            return
        self._player.close_replay()
        self._left, self._followed = self._transcript.view, self._transcript.following
        self.views["trace"].setChecked(True)
        self._transcript.show_view("trace")
        answer.show_view("trace")  # also where it is far from what is in view
        self._about = answer
        self._panel.rounds.timeline.release()
        self._moment = Replay(answer.ledger, answer.tally)
        self._player.open_replay(self._moment, playing=self._transcript.moving)

    def _replayed(self, anew: bool) -> None:
        replay, answer = self._moment, self._subject
        if replay is None or answer is None:
            return
        answer.perform(replay.ledger, anew=anew)
        answer.say_replay(self._player.speed.currentText(), replay.tally)
        if not self._player.playing or replay.over or self._figures_age.hasExpired(FIGURES):
            self._figures_age.start()
            self._panel.show_tally(replay.tally, running=not replay.over)
            self._panel.show_ledger(replay.ledger)

    def _replay_over(self) -> None:
        self._moment = None
        if (answer := self._subject) is not None:
            answer.finish()
            self._show(answer)
        left, self._left = self._left, None
        if left is not None:
            self.show_view(left)
        if self._followed:
            self._transcript.jump_to_latest()

    def _show(self, answer: Answer) -> None:
        """Show the figures and rounds of ``answer`` in the panel."""
        self._about = None if answer is self._transcript.answers[-1] else answer
        self._panel.show_tally(answer.tally, running=False)
        self._panel.show_ledger(answer.ledger)

    def _token_chosen(self, answer: Answer, index: int) -> None:
        if answer is not self._subject:
            self._followed = False  # the reader is elsewhere now
            self._player.close_replay()
            self._show(answer)
        self._panel.point_at(answer.ledger.owners[index], answer.ledger.passes_of(index))

    def _pass_chosen(self, at: int, number: int) -> None:
        answer = self._subject
        if answer is not None:
            if self._moment is not None:
                self._player.seek(self._moment.ends[at])
            else:
                self.show_view("trace")
                answer.show_view("trace")  # also where it is far from what is in view
            answer.pick(answer.ledger.of_pass(at, number))

    @property
    def _subject(self) -> Answer | None:
        """The answer the panel is about."""
        if self._about is not None and self._about in self._transcript.answers:
            return self._about
        return self._transcript.answers[-1] if self._transcript.answers else None


def remembered(settings: QSettings) -> View:
    """Return the view shown last time."""
    return "trace" if settings.value("view", "reading") == "trace" else "reading"
