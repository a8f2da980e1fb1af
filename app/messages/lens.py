"""What the reader looks at: which view of the answers, and which answer the panel is about."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSettings
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from app.messages.answer import Answer, View
from app.messages.transcript import Transcript
from app.speculation.panel import SpeculationPanel
from app.speculation.tally import Tally

TITLES: dict[View, str] = {"reading": "Reading", "trace": "Trace"}
TIPS: dict[View, str] = {
    "reading": "The answer typeset (Ctrl+T changes)",
    "trace": "Every token: who proposed it, who vetoed it, what replaced it (Ctrl+T changes)",
}


class Lens(QObject):
    """Connects ``transcript`` and ``panel``: tokens chosen in one are outlined in the other.

    The panel is about the answer in flight or the last one; choosing a token of an older answer shows that one's
    figures until the next answer begins.
    """

    def __init__(self, transcript: Transcript, panel: SpeculationPanel, settings: QSettings, parent: QObject) -> None:
        super().__init__(parent)
        self._transcript, self._panel, self._settings = transcript, panel, settings
        self._about: Answer | None = None  # None: the last one
        group = QActionGroup(self)
        self.views: dict[View, QAction] = {}
        for view, title in TITLES.items():
            action = self.views[view] = QAction(title, group, checkable=True, toolTip=TIPS[view])
            action.triggered.connect(lambda _, chosen=view: self.show_view(chosen))
        self.views[transcript.view].setChecked(True)
        self.switch = QAction("Reading or Trace", self, shortcut=QKeySequence("Ctrl+T"))
        self.switch.triggered.connect(lambda: self.show_view("trace" if transcript.view == "reading" else "reading"))
        transcript.token_chosen.connect(self._token_chosen)
        panel.timeline.chosen.connect(self._pass_chosen)

    def show_view(self, view: View) -> None:
        """Show all answers in ``view``, and remember it."""
        self.views[view].setChecked(True)
        self._settings.setValue("view", view)
        self._transcript.show_view(view)

    def begin(self) -> None:
        """Turn to the answer that begins."""
        self._about = None
        self._panel.timeline.release()

    def show_figures(self, tally: Tally, *, running: bool) -> None:
        """Show the counts and rounds of the last answer, unless the panel is about another."""
        if self._about is None:
            self._panel.show_tally(tally, running=running)
            if self._transcript.answers:
                self._panel.show_ledger(self._transcript.answers[-1].ledger)

    def reset(self) -> None:
        """Forget every answer."""
        self._about = None
        self._panel.reset()

    def _token_chosen(self, answer: Answer, index: int) -> None:
        if answer is not self._subject:
            last = answer is self._transcript.answers[-1]
            self._about = None if last else answer
            self._panel.show_tally(answer.tally, running=False)
            self._panel.show_ledger(answer.ledger)
        self._panel.point_at(answer.ledger.owners[index], answer.ledger.passes_of(index))

    def _pass_chosen(self, at: int, number: int) -> None:
        answer = self._subject
        if answer is not None:
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
