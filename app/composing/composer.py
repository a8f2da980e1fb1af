"""The box questions are written in. Enter or Ctrl+Enter sends, Shift+Enter breaks the line; Send doubles as Stop."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QInputMethodEvent, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from app.composing.attachment import Attachment, joined, parted, too_long
from app.composing.chips import Chips
from app.composing.drop import local_files
from app.composing.think_button import ThinkButton
from app.look.label import Label
from app.look.quiet_button import QuietButton
from app.look.typeface import tabular

NEAR = 0.85  # of the context, from where on the meter warns
LINES = 8  # the tallest the field grows
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
INVITATIONS = ("Ask anything. Nothing leaves this computer.", "Ask anything, offline", "Ask anything", "Ask")
SENDS = {"enter": "Enter", "ctrl": "Ctrl+Enter"}


class Composer(QFrame):
    """Holds the question and its attachments. Nothing is lost: the text stays until another is shown.

    ``submitted`` carries a question to ask now, ``queued`` asks for it once the current answer is complete; ``changed``
    is emitted when the question changes.
    """

    submitted = Signal(str)
    queued = Signal()
    stop_wanted = Signal()
    attach_wanted = Signal()
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self.field = Field()
        self.field.entered.connect(self._submit)
        self.field.textChanged.connect(self.changed)
        self.chips = Chips()
        self.chips.changed.connect(self.changed)
        self.changed.connect(self._show_state)
        self.clip = Clip()
        self.clip.clicked.connect(self.attach_wanted)
        self.think = ThinkButton()
        self.meter = Label()
        self.meter.setObjectName("contextMeter")
        self.meter.setFont(tabular(self.meter.font()))
        self.meter.setAccessibleName("Context used")
        self.button = QuietButton(style="send")
        self.button.clicked.connect(self._press)
        self._busy = self._stopping = False
        self._measured = ""  # of the context
        self._arrange()
        self._show_state()

    @property
    def text(self) -> str:
        """Return the question: the text of the field with its attachments."""
        return joined(self.field.toPlainText(), self.chips.attached)

    def show_text(self, text: str) -> None:
        """Replace the composer's content by a question, its attachments as chips again."""
        typed, attached = parted(text)
        self.chips.show_all(attached)
        self.field.setPlainText(typed)

    def attach(self, attachment: Attachment) -> None:
        """Attach a text to the question."""
        self.chips.show_all([*self.chips.attached, attachment])

    def send_with(self, key: str) -> None:
        """Send with "enter", or with "ctrl" and Enter together."""
        self.field.send_key = key
        self._show_state()

    def show_state(self, *, busy: bool, stopping: bool) -> None:
        """Make the button Send, Stop or "Stopping…"."""
        self._busy, self._stopping = busy, stopping
        self._show_state()

    def show_context(self, used: int, limit: int) -> None:
        """Show how much of the context the conversation takes, in tokens."""
        self._measured = f"{used:,} / {limit:,} tokens" if limit else ""
        self._show_meter()
        full = "over" if used >= limit else "near" if used >= NEAR * limit else ""
        if full != self.meter.property("full"):
            self.meter.setProperty("full", full)
            self.meter.style().polish(self.meter)  # the sheet looks at properties only then
        self.meter.setToolTip("How many tokens this chat takes with what you write, and how many the model can hold")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep room for the field in a narrow window."""
        super().resizeEvent(event)
        self._show_meter()

    def _show_meter(self) -> None:
        """Show the meter's figures, with the unit only while they take a third of the width at most."""
        wide = 3 * self.meter.fontMetrics().horizontalAdvance(self._measured) < self.width()
        self.meter.setText(self._measured if wide else self._measured.removesuffix(" tokens"))

    def _show_state(self) -> None:
        label = "Stopping…" if self._stopping else "Stop" if self._busy else "Send"
        self.button.setText(label)
        self.button.setAccessibleName(label)
        self.button.setToolTip("Stop the answer (Esc)" if self._busy else f"Send ({SENDS[self.field.send_key]})")
        self.button.setEnabled(not self._stopping if self._busy else bool(self.text.strip()))

    def _press(self) -> None:
        if self.button.hasFocus():
            self.field.setFocus()  # what was pressed is about to be another button, or disabled
        if self._busy:
            self.stop_wanted.emit()
        else:
            self._submit()

    def _submit(self) -> None:
        if not self.text.strip():
            return
        if self._busy:
            self.queued.emit()
        else:
            self.submitted.emit(self.text)

    def _arrange(self) -> None:
        bottom = Qt.AlignmentFlag.AlignBottom
        row = QHBoxLayout()
        row.setSpacing(12)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(10, 11, 12, 11)
        rows.setSpacing(8)
        rows.addWidget(self.chips)
        rows.addLayout(row)
        row.addWidget(self.field, 1)
        row.addWidget(self.think, 0, bottom)
        row.addWidget(self.meter, 0, bottom)
        row.addWidget(self.button, 0, bottom)
        row.insertWidget(0, self.clip, 0, bottom)  # the last one Tab comes to: that goes by when a widget was added


class Clip(QuietButton):
    """The paper-clip button, which attaches text files."""

    def __init__(self) -> None:
        super().__init__(style="attach", name="Attach text files", tip="Attach text files (Ctrl+Shift+O)")

    def sizeHint(self) -> QSize:
        """Ask for a square: Qt would leave room for four letters where there is no text."""
        return QSize(super().sizeHint().height(), super().sizeHint().height())


class Field(QTextEdit):
    """A plain text field that grows with its lines. ``entered``: the key that sends, unless it ends a composition.

    That is Enter, or with a ``send_key`` of "ctrl" only Ctrl+Enter.
    """

    entered = Signal()
    files_given = Signal(object)  # list[Path], pasted or dropped
    text_given = Signal(str)  # too long to be laid out in here
    picture_given = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("field")
        self.setAcceptRichText(False)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Your question")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(lambda _: self._fit())
        self._composing = False
        self.send_key = "enter"
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the menu while there is nothing to undo here: it may restore a conversation."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            undoes = event.matches(QKeySequence.StandardKey.Undo)
            if undoes and not self.document().isUndoAvailable():
                event.ignore()
                return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Send; with Shift break the line, and while an input method is composing leave Enter to it."""
        shift, control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
        held = event.modifiers()
        if event.key() in ENTER and not held & shift and (held & control or self.send_key == "enter"):
            if not self._composing:
                self.entered.emit()
            event.accept()
            return
        super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Note whether a composition is under way; the key that commits one may arrive right after it."""
        super().inputMethodEvent(event)
        if event.preeditString():
            self._composing = True
        elif self._composing:
            QTimer.singleShot(0, self, self._end_composing)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Take files as well as text; pictures are taken to be refused in words."""
        return bool(local_files(source)) or source.hasImage() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Pass on files and texts that are too long, insert the rest."""
        if files := local_files(source):
            self.files_given.emit(files)
        elif source.hasImage() and not source.hasText():
            self.picture_given.emit()
        elif too_long(text := source.text()):
            self.text_given.emit(text)
        else:
            super().insertFromMimeData(source)

    def minimumSizeHint(self) -> QSize:
        """Leave the height to the text."""
        return QSize(80, 0)

    def _end_composing(self) -> None:
        self._composing = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say as much as there is room for."""
        super().resizeEvent(event)
        self._invite()

    def changeEvent(self, event: QEvent) -> None:
        """Refit text and height to a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._invite()
            self._fit()

    def _invite(self) -> None:
        room = self.viewport().width()
        fitting = (text for text in INVITATIONS if self.fontMetrics().horizontalAdvance(text) <= room)
        self.setPlaceholderText(next(fitting, INVITATIONS[-1]))

    def _fit(self) -> None:
        line = QFontMetrics(self.font()).lineSpacing()
        height = round(self.document().size().height() + 0.49)
        policy = Qt.ScrollBarPolicy
        tall = height > LINES * line
        self.setVerticalScrollBarPolicy(policy.ScrollBarAsNeeded if tall else policy.ScrollBarAlwaysOff)
        self.setFixedHeight(min(max(height, line), LINES * line) + 14)
