"""A card for one download: its files, progress, speed and time left, with buttons to pause or cancel it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.look.announce import announce
from app.look.label import Label, plain_tip
from app.models.confirm import confirm
from app.models.library import DownloadQueue, FileProgress, Progress, duration, size
from app.models.page_parts import button, note, paragraph

RESUME, AGAIN = "Resume", "Start again"
GO_ON = f"Then press “{RESUME}”."
STATES = {
    "waiting": "Waiting",
    "looking": "Asking Hugging Face",
    "downloading": "Downloading",
    "stalled": "Nothing arrives",
    "checking": "Checking",
    "paused": "Paused",
    "done": "Verified",
    "failed": "Stopped",
    "cancelled": "Cancelled",
}


class DownloadCard(QFrame):
    """Shows the job called ``name`` of ``downloads``. ``ended`` carries its last state.

    ``again`` asks for a job that was cancelled to be queued anew.
    """

    ended = Signal(str)
    again = Signal()

    def __init__(
        self, downloads: DownloadQueue, name: str, title: str = "", *, files: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._downloads, self.name = downloads, name
        self.state = ""
        self._items: dict[tuple[str, str], QTreeWidgetItem] = {}
        self.title, self.state_label = Label(title or name), Label(STATES["waiting"])
        self.title.setObjectName("offer")
        self.state_label.setObjectName("small")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(f"Download of {title or name}")
        self.figures, self.say, self.hint = paragraph(), note(), note()
        self.hint.hide()
        self.files = self._make_files()
        self.files.setVisible(files)
        self.pause, self.cancel = button("Pause"), button("Cancel download…", "quiet")
        self.hurry = button("Try now")
        self.pause.clicked.connect(self._pause)
        self.cancel.clicked.connect(self._ask_cancel)
        self.hurry.clicked.connect(lambda: downloads.hurry(name))
        self._files_of: tuple[FileProgress, ...] = ()
        self._lay_out()
        downloads.progressed.connect(self._hear)
        for job in downloads.jobs:
            self._hear(job)

    def _lay_out(self) -> None:
        head, foot = QHBoxLayout(), QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch()
        head.addWidget(self.state_label)
        foot.addWidget(self.hurry)
        foot.addWidget(self.pause)
        foot.addWidget(self.cancel)
        foot.addStretch()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(8)
        rows.addLayout(head)
        for widget in (self.bar, self.figures, self.say, self.hint, self.files):
            rows.addWidget(widget, 1 if widget is self.files else 0)
        rows.addLayout(foot)

    def _make_files(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Files")
        tree.setHeaderLabels(["File", "Size", "State"])
        tree.setUniformRowHeights(True)
        tree.setMinimumHeight(120)
        header = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        return tree

    def _hear(self, progress: Progress) -> None:
        if progress.job != self.name:
            return
        turned = progress.state != self.state
        self.state = progress.state
        share = progress.have / progress.size if progress.size and progress.state != "cancelled" else 0.0
        self.bar.setValue(1000 if progress.state == "done" else round(1000 * share))
        self.state_label.setText(STATES[progress.state])
        self.figures.setText(figures(progress))
        self._files_of = progress.files
        self.say.setText(self._turn_of(progress) or progress.say)
        self.say.setVisible(progress.speed is None)  # else the figures say all of it
        self.figures.setVisible(bool(self.figures.text()))
        self.hint.setText(f"{progress.hint} {GO_ON}".strip() if progress.state == "failed" else progress.hint)
        self.hint.setVisible(bool(self.hint.text()))
        self._show_buttons(progress)
        self._show_files(progress)
        if turned:
            announce(self, f"{progress.say} {self.hint.text()}".strip())
            if progress.over:
                self.ended.emit(progress.state)

    def _turn_of(self, progress: Progress) -> str:
        """Say which download this one waits for; empty if it waits for none."""
        others = (job for job in self._downloads.jobs if not job.over and job.job != self.name)
        first = next(others, None) if progress.state == "waiting" else None
        return f"Begins when {self._downloads.title(first.job)} is done." if first else ""

    def _show_buttons(self, progress: Progress) -> None:
        """Show the buttons that apply now; if one that is hidden had the keyboard, another gets it."""
        cancelled = progress.state == "cancelled"
        self.pause.setText(AGAIN if cancelled else RESUME if progress.over else "Pause")
        self.pause.setAccessibleName(self.pause.text())
        shown = {
            self.hurry: progress.again is not None,
            self.pause: progress.state != "done",
            self.cancel: progress.state not in {"done", "cancelled"},
        }
        if any(widget.hasFocus() and not stays for widget, stays in shown.items()):
            (self.pause if shown[self.pause] else self).setFocus()
        for widget, stays in shown.items():
            widget.setVisible(stays)

    def _show_files(self, progress: Progress) -> None:
        """List the files under their models, the one at hand in sight."""
        for file in progress.files:
            key = (file.repository, file.path)
            item = self._items.get(key)
            if item is None:
                item = self._items[key] = self._add(self._model(file.repository), file.path, size(file.size))
            text = file_state(file, progress)
            if item.text(2) != text:
                if not item.text(2).startswith(STATES[file.state]) and file.state == "downloading":
                    self.files.scrollToItem(item)
                item.setText(2, text)

    def _model(self, repository: str) -> QTreeWidgetItem:
        item = self._items.get((repository, ""))
        if item is None:
            item = self._items[repository, ""] = self._add(self.files, repository.rpartition("/")[2], "")
            item.setToolTip(0, plain_tip(repository))
            item.setExpanded(True)
        return item

    def _add(self, parent: QTreeWidget | QTreeWidgetItem, name: str, large: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem(parent)
        item.setText(0, name)
        item.setText(1, large)
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return item

    def _pause(self) -> None:
        if self.state == "cancelled":
            self.again.emit()
            return
        resuming = self.state in {"paused", "failed"}
        trouble = self._downloads.resume(self.name) if resuming else self._downloads.pause(self.name)
        if trouble is not None:
            self.say.setText(trouble.sentence)
            self.hint.setText(trouble.hint)
            self.hint.setVisible(bool(trouble.hint))

    def _ask_cancel(self) -> None:
        """Ask before the job is cancelled, saying what would be deleted."""
        lost = unfinished(self._files_of)
        gone = f"{size(lost)} that have arrived are deleted." if lost else "Nothing of it has arrived yet."
        more = f"{gone} To keep them and go on later, pause it instead." if lost else gone
        question = f"Cancel the download of {self.title.text()}?"
        act = lambda: self._downloads.cancel(self.name)  # noqa: E731 # named for the line's length
        confirm(self, question, more, yes="Cancel and delete" if lost else "Cancel it", no="Go on with it", act=act)


def figures(progress: Progress) -> str:
    """Return the size so far, speed and time left, as far as they are known."""
    if not progress.size or progress.state == "cancelled":
        return ""
    parts = [f"{size(progress.have)} of {size(progress.size)}"]
    if progress.speed is not None:
        parts.append(f"{size(progress.speed)}/s")
        parts.append("estimating the time left…" if progress.left is None else f"{duration(progress.left)} left")
    return " · ".join(parts)


def file_state(file: FileProgress, job: Progress) -> str:
    """Return the state of one file of ``job`` in words; while the job is stopped, so are its files."""
    if file.state in {"downloading", "checking"} and file.size:
        still = job.over or job.state == "stalled"
        return f"{STATES[job.state if still else file.state]}, {100 * file.have // file.size} %"
    return STATES["cancelled" if job.state == "cancelled" else file.state]


def unfinished(files: Sequence[FileProgress]) -> int:
    """Return the bytes of incomplete checkpoints, which are deleted when a job is cancelled."""
    open_ones = {file.repository for file in files if file.state != "done"}
    return sum(file.have for file in files if file.repository in open_ones)
