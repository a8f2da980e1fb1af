"""A message of the transcript with its buttons below: versions, copy, edit, regenerate, delete."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, SignalInstance
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.conversations.conversation import Message
from app.look.label import Label
from app.look.quiet_button import QuietButton
from app.look.typeface import tabular
from app.messages.actions import MessageActions
from app.messages.answer import Answer
from app.messages.button_row import ButtonRow

RACE = "Race plain decoding and the method chosen, side by side"


class MessageRow(QWidget):
    """Holds ``body``, a question or an answer. The actions show while the pointer or the keyboard is here.

    Which message it is and what can be done with it is set by ``show_message``; until then nothing can. What the
    reader chooses goes out through ``actions``.
    """

    def __init__(self, body: QWidget, actions: MessageActions, *, asks: bool) -> None:
        super().__init__()
        self.body, self._actions = body, actions
        self.message: int | None = None
        self.versions: Sequence[int] = ()
        self._asks, self._last, self._locked, self._open = asks, False, False, False
        self._turned_off = False
        kind = "question" if asks else "answer"
        self.earlier = self._button("‹", "Previous version", lambda: self._step(-1))
        self.place = Label()
        self.place.setObjectName("turnPlace")
        self.place.setFont(tabular(self.place.font()))
        self.later = self._button("›", "Next version", lambda: self._step(1))
        text, name = ("Answer", "Have the question answered") if asks else ("Continue", "Continue the answer")
        self.resume = self._button(text, name, lambda: self._tell(actions.resume))
        self.resume.setObjectName("turnMain")
        self.copy = self._button("Copy", f"Copy the {kind} as Markdown", lambda: self._tell(actions.copy))
        text, name = ("Edit", "Edit the question") if asks else ("Regenerate", "Regenerate the answer")
        self.redo = self._button(text, name, lambda: self._tell(actions.edit if asks else actions.regenerate))
        self.replay = self._button("Replay", "Replay how the answer came to be", lambda: actions.replay.emit(body))
        self.race = self._button("Race", RACE, lambda: self._tell(actions.race))
        self.plain = self._button("Turn it off", "Answer without speculation, with this model", self._turn_off)
        self.remove = self._button("Delete", f"Delete the {kind}", lambda: self._tell(actions.delete))
        self.unread = Label()
        self.unread.setObjectName("turnNote")
        self.unread.hide()
        self._shy = (self.copy, self.redo, self.remove) if asks else (self.copy, self.redo, self.race, self.remove)
        self._arrange()
        self._show()

    def show_message(self, message: Message, versions: Sequence[int], *, last: bool) -> None:
        """Say which message this is, which other versions of it there are, and whether it is the last one shown."""
        self.message, self.versions, self._last = message.id, versions, last
        if isinstance(self.body, Answer):
            self.body.show_model(message.model)
        self._open = self._asks or message.unfinished
        at = versions.index(message.id)
        self.place.setText(f"{at + 1} / {len(versions)}")
        self.place.setAccessibleName(f"Version {at + 1} of {len(versions)}")
        self.earlier.setEnabled(at > 0)
        self.later.setEnabled(at + 1 < len(versions))
        self._show()

    def show_unread(self, count: int) -> None:
        """Say that the first ``count`` messages of the conversation were not read for this answer."""
        said = "the first message was" if count == 1 else f"the first {count} messages were"
        self.unread.setText(f"{said} not read for this answer" if count else "")
        self.unread.setVisible(bool(count))

    def lock(self, *, locked: bool) -> None:
        """Disable the actions that change the conversation while an answer is in flight."""
        self._locked = locked
        self._show()

    def show_race(self, why_not: str) -> None:
        """Let the question be raced, or say ``why_not``."""
        self.race.setEnabled(not why_not)
        self.race.setToolTip(why_not or RACE)
        self.race.setAccessibleDescription(why_not)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the buttons."""
        super().enterEvent(event)
        self._show()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the buttons again, unless one of them has the focus."""
        super().leaveEvent(event)
        self._show()

    def reveal(self) -> None:
        """Show or hide the buttons, after the focus moved or the answer ended."""
        self._show()

    def _show(self) -> None:
        known = self.message is not None
        focus = self.focusWidget()
        here = self.underMouse() or (focus is not None and focus.hasFocus())
        near = known and (here or (self._last and not self._asks))
        for button in self._shy:
            button.setVisible(near)
        self.replay.setVisible(near and isinstance(self.body, Answer) and self.body.replayable)
        slow = near and self._last and isinstance(self.body, Answer) and self.body.lost and not self._turned_off
        self.plain.setVisible(slow)
        free = not self._locked
        for button in (self.redo, self.remove, self.resume):
            button.setEnabled(free)
        for widget in (self.earlier, self.place, self.later):
            widget.setVisible(known and len(self.versions) > 1)
        self.resume.setVisible(known and free and self._last and self._open)

    def _turn_off(self) -> None:
        self._turned_off = True
        self._actions.plain.emit()
        self._show()

    def _step(self, by: int) -> None:
        if self.message is not None and not self._locked:
            self._actions.show_version.emit(self.versions[self.versions.index(self.message) + by])

    def _tell(self, signal: SignalInstance) -> None:
        if self.message is not None:
            signal.emit(self.message)

    def _button(self, text: str, name: str, act: object) -> QuietButton:
        button = QuietButton(text, "turnAction", name=name, tip=name)
        button.clicked.connect(act)
        return button

    def _arrange(self) -> None:
        versions = (self.earlier, self.place, self.later)
        if self._asks:
            order: Sequence[QWidget] = (*self._shy, self.resume, *versions)
            for unasked in (self.replay, self.race, self.plain, self.unread):  # an answer's alone
                unasked.setParent(self)  # or each would be a window, and outlive the row
                unasked.hide()
        else:
            replayed = (self.replay, self.race)
            order = (*versions, self.resume, self.copy, self.redo, *replayed, self.remove, self.plain, self.unread)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addWidget(self.body)
        rows.addWidget(ButtonRow(order, right=self._asks))
