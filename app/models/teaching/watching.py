"""A course as it goes on: what it does, what it is worth by now, how often its guesses are right; and its end."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QVBoxLayout, QWidget

from app.look.announce import announce
from app.look.label import Label, label
from app.look.palette import Palette
from app.models.page_parts import button, note, paragraph, row_of
from app.models.teaching import wording
from app.models.teaching.chart import AgreementChart
from app.models.teaching.progress import Progress
from app.notices import Alert
from app.threads.failure import Failure

BESIDE = "This window can be closed; the course goes on, and the list of chats shows how far it is."


class Watching(QWidget):
    """Shows one course; the signals are its buttons."""

    pause_wanted = Signal()
    go_on_wanted = Signal()
    stop_wanted = Signal()
    again_wanted = Signal()  # after its end
    use_wanted = Signal()

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._told = ""
        self.title, self.state = Label(), label("", "small")
        self.title.setObjectName("offer")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("How far the course is")
        self.worth, self.since = Label("–"), label("", "bigUnit")
        self.worth.setObjectName("bigFigure")
        self.worth.setAccessibleName("Worth by now")
        self.figures, self.beside = note(), note(BESIDE)
        self.chart = AgreementChart(palette)
        self.alert, self.sentence, self.outcome = Alert(), label("", "bannerSentence"), paragraph()
        self.pause, self.halt = button("Pause"), button("Stop", "quiet")
        self.use, self.again = button("Answer with it"), button("Teach again…")
        self.pause.clicked.connect(self._turn)
        self.halt.clicked.connect(self.stop_wanted)
        self.again.clicked.connect(self.again_wanted)
        self.use.clicked.connect(self.use_wanted)
        self._lay_out()

    def show_progress(self, progress: Progress) -> None:
        """Show ``progress``, and say aloud what it begins to do."""
        self._progress = progress
        self.title.setText(wording.what(progress))
        self.state.setText(wording.state(progress))
        self.bar.setValue(round(1000 * progress.done))
        self.worth.setText(wording.worth(progress))
        self.since.setText(wording.since(progress))
        self.figures.setText(wording.figures(progress))
        self.chart.show_progress(progress)
        self._show_end(progress)
        self._show_buttons(progress)
        told = wording.state(progress)
        if told != self._told:
            self._told = told
            announce(self, told)

    def _show_end(self, progress: Progress) -> None:
        sentence, outcome = wording.outcome(progress)
        failed = progress.failure is not None
        trouble = Failure(sentence, outcome) if failed else Failure(wording.SILENT) if progress.silent else None
        if (trouble is None) != self.alert.isHidden() or (trouble and trouble.sentence != self.alert.sentence.text()):
            self.alert.tell(trouble)
        for part, text in ((self.sentence, sentence), (self.outcome, outcome)):
            part.setText(text)
            part.setVisible(bool(text) and not failed)
        self.beside.setVisible(not progress.over)
        for widget in (self.worth, self.since, self.chart):
            widget.setVisible(not failed or bool(progress.looks))

    def _show_buttons(self, progress: Progress) -> None:
        """Show the buttons that apply now; if one that goes has the keyboard, another gets it."""
        resumes = progress.paused or progress.over
        self.pause.setText("Go on" if resumes else "Pause")
        self.pause.setAccessibleName(self.pause.text())
        shown = {
            self.pause: progress.phase not in {"ended", "stopping"},
            self.halt: not progress.over and progress.phase != "stopping",
            self.use: progress.ended is not None and progress.ended.kept,
            self.again: progress.over,
        }
        if any(each.hasFocus() and not stays for each, stays in shown.items()):
            next((each for each, stays in shown.items() if stays), self).setFocus()
        for each, stays in shown.items():
            each.setVisible(stays)

    def _turn(self) -> None:
        progress = self._progress
        if progress is not None:
            (self.go_on_wanted if progress.paused or progress.over else self.pause_wanted).emit()

    def _lay_out(self) -> None:
        card, whole = QFrame(), QVBoxLayout(self)
        card.setObjectName("card")
        rows = QVBoxLayout(card)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(8)
        parts: tuple[QWidget, ...] = (
            *(self.title, self.state, self.bar, self.worth, self.since, self.chart),
            *(self.sentence, self.outcome, self.figures),
        )
        for part in parts:
            rows.addWidget(part)
        rows.addLayout(row_of(self.use, self.pause, self.halt, self.again))
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(10)
        for each in (self.alert, card, self.beside):
            whole.addWidget(each)
        whole.addStretch(1)
