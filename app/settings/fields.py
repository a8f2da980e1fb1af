"""Makes a widget for each kind of setting from what the option declares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from app.look.choosing import choose_folder
from app.look.label import label, plain_tip
from app.settings.kinds import Choice, Decimal, Folder, Follows, Switch, Text, Whole
from app.settings.options import Option
from engine.config import Chosen

REST = 500  # ms without a keystroke before a text counts as given


class Field(QWidget):
    """Shows and edits one option; ``changed`` is emitted only for what a person does."""

    changed = Signal(object)

    def __init__(self, option: Option, inner: QWidget, *, wide: bool = False) -> None:
        super().__init__()
        self.option, self.inner = option, inner
        inner.setAccessibleName(option.title)
        inner.setAccessibleDescription(option.sentence)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.addWidget(inner)
        if not wide:
            self.row.addStretch()
        if inner.focusPolicy() != Qt.FocusPolicy.NoFocus:
            self.setFocusProxy(inner)

    @abstractmethod
    def show_value(self, value: Any) -> None:
        """Show ``value`` without emitting ``changed``."""


class NumberField(Field):
    """Edits a number in steps; the lowest may have a name."""

    def __init__(self, option: Option, kind: Decimal | Whole) -> None:
        self.box = QDoubleSpinBox() if isinstance(kind, Decimal) else QSpinBox()
        super().__init__(option, self.box)
        calm(self.box)
        self.box.lineEdit().setTextMargins(6, 0, 0, 0)
        self.box.setRange(kind.low, kind.high)  # type: ignore[arg-type]
        self.box.setSingleStep(kind.step)  # type: ignore[arg-type]
        if isinstance(kind, Whole):
            self.box.setSpecialValueText(kind.special)
            self.box.setSuffix(f" {kind.unit}" if kind.unit else "")
            self.box.setGroupSeparatorShown(bool(kind.unit))  # amounts are told so everywhere, a seed is a name
        self.box.valueChanged.connect(lambda value: self.changed.emit(round(value, 4)))

    def show_value(self, value: Any) -> None:
        """Show a number."""
        with QSignalBlocker(self.box):
            self.box.setValue(value)


class FollowingField(NumberField):
    """Edits a number that defaults to the model's own, with a button that goes back to it."""

    def __init__(self, option: Option, kind: Follows[Any]) -> None:
        inner = kind.inner
        if not isinstance(inner, Decimal | Whole):
            raise TypeError(f"{option.name} is no number")
        super().__init__(option, inner)
        self._special = inner.special if isinstance(inner, Whole) else ""
        self._usual, self._suggested, self._value = kind.usual, None, None
        self.back = QPushButton()
        self.back.setObjectName("quiet")
        self.back.setToolTip("Take no value of your own")
        self.back.clicked.connect(self._go_back)
        self.row.insertWidget(1, self.back)
        self.show_value(None)

    def suggest(self, value: Any) -> None:
        """Remember what the model suggests; None if it says nothing."""
        self._suggested = value
        self.show_value(self._value)

    def show_value(self, value: Any) -> None:
        """Show the chosen number or, for None, the default in force and where it comes from."""
        self._value = value
        source = "usual" if self._suggested is None else "from the model"
        said = "" if value is not None else f"  {source}"
        shown = next(each for each in (value, self._suggested, self._usual) if each is not None)
        self.box.setSuffix(said)
        if isinstance(self.box, QSpinBox):
            self.box.setSpecialValueText(self._special and f"{self._special}{said}")
        super().show_value(shown)
        self.back.setText("Use the usual" if self._suggested is None else "Use the model's")
        self.back.setAccessibleName(f"{self.option.title}: {self.back.text().lower()}")
        self.back.setVisible(value is not None)

    def _go_back(self) -> None:
        self.box.setFocus()
        self.changed.emit(None)


class SwitchField(Field):
    """A check box that says what it switches."""

    def __init__(self, option: Option) -> None:
        self.box = QCheckBox(option.title)
        super().__init__(option, self.box)
        self.box.toggled.connect(self.changed.emit)

    def show_value(self, value: Any) -> None:
        """Check or uncheck."""
        with QSignalBlocker(self.box):
            self.box.setChecked(value)


class LearningField(SwitchField):
    """A switch, what came of it so far, and a button that forgets it; ``forget_wanted``: it was pressed."""

    forget_wanted = Signal()

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self.forget = QPushButton("Forget what it learnt")
        self.forget.setAccessibleName(self.forget.text())
        self.forget.clicked.connect(self.forget_wanted)
        self.row.addWidget(self.forget)
        self.note = label("", "small")
        self.note.hide()

    def tell(self, note: str) -> None:
        """Say how it stands; the note belongs below the option's sentence."""
        self.note.setText(note)
        self.note.setVisible(bool(note))


class ChoiceField(Field):
    """Offers a list to pick from."""

    def __init__(self, option: Option, kind: Choice) -> None:
        self.box = QComboBox()
        super().__init__(option, self.box)
        for name, title in kind.titles.items():
            self.box.addItem(title, name)
        self.box.activated.connect(lambda index: self.changed.emit(self.box.itemData(index)))

    def show_value(self, value: Any) -> None:
        """Show what is picked."""
        self.box.setCurrentIndex(self.box.findData(value))


class TextField(Field):
    """Lines of text, signalled when typing pauses or the field is left."""

    def __init__(self, option: Option, kind: Text) -> None:
        self.edit = Lines(kind.lines)
        super().__init__(option, self.edit, wide=True)
        self.edit.settled.connect(self.changed.emit)

    def show_value(self, value: Any) -> None:
        """Show a text."""
        self.edit.show_text(value)


class Lines(QPlainTextEdit):
    """A few lines; ``settled`` carries the text when typing rests or the field is left."""

    settled = Signal(str)

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self._lines = lines
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._told = ""
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self.settle)
        self.textChanged.connect(self._rest.start)

    def sizeHint(self) -> QSize:
        """Ask for the height of the lines at the current text size."""
        return QSize(super().sizeHint().width(), self._lines * self.fontMetrics().lineSpacing() + 20)

    def minimumSizeHint(self) -> QSize:
        """Allow shrinking to one line, so that a small dialog cuts nothing off."""
        return QSize(super().minimumSizeHint().width(), self.fontMetrics().lineSpacing() + 20)

    def show_text(self, text: str) -> None:
        """Show ``text``, unless typing here has not been emitted yet."""
        self._told = text
        if text != self.toPlainText() and not self._rest.isActive():
            with QSignalBlocker(self):
                self.setPlainText(text)

    def settle(self) -> None:
        """Emit what was typed now."""
        self._rest.stop()
        if self.toPlainText() != self._told:
            self._told = self.toPlainText()
            self.settled.emit(self._told)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Emit what was typed at once."""
        super().focusOutEvent(event)
        self.settle()


class FolderField(Field):
    """A path to be read, a button that asks for another, and a way back to the usual one."""

    def __init__(self, option: Option, kind: Folder) -> None:
        self.path = QLineEdit()
        self.path.setReadOnly(True)
        self.path.setObjectName("shownPath")
        self.path.setPlaceholderText(kind.usual)
        super().__init__(option, self.path, wide=True)
        self.choose = self._button("Choose…")
        self.choose.clicked.connect(self._choose)
        self.usual = self._button(kind.back)
        self.usual.clicked.connect(lambda: self.changed.emit(""))

    def show_value(self, value: Any) -> None:
        """Show a path."""
        self.path.setText(value)
        self.path.setToolTip(plain_tip(value))
        self.usual.setEnabled(bool(value))

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(f"{self.option.title}: {text.rstrip('…').lower()}")
        self.row.addWidget(button)
        return button

    def _choose(self) -> None:
        kept = self.path.text()
        folder = choose_folder(self, self.option.title, Path(kept) if kept else None)
        if folder is not None:
            self.changed.emit(str(folder))


def make_field(option: Option) -> Field:
    """Return the field for ``option``; raises TypeError for a kind that has none."""
    match option.kind:
        case Decimal() | Whole() as kind:
            return NumberField(option, kind)
        case Follows() as kind:
            return FollowingField(option, kind)
        case Switch():
            return SwitchField(option)
        case Choice() as kind:
            return ChoiceField(option, kind)
        case Text() as kind:
            return TextField(option, kind)
        case Folder() as kind:
            return FolderField(option, kind)
    raise TypeError(f"there is no field for {option.name}")


def suggest(fields: Mapping[str, Field], suggested: Chosen) -> None:
    """Show what a model suggests in the ``fields``, by their option's name."""
    for name, field in fields.items():
        if isinstance(field, FollowingField):
            field.suggest(getattr(suggested, name))


def calm(box: QAbstractSpinBox) -> None:
    """Make ``box`` emit a number when it is complete, not at every digit."""
    box.setKeyboardTracking(False)
    box.setSizePolicy(box.sizePolicy().Policy.Fixed, box.sizePolicy().Policy.Fixed)
