"""Opens the window of a race, and does what its buttons ask for."""

from __future__ import annotations

import secrets
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.conversations.export_file import file_name
from app.desktop.files import replace_text
from app.log.ledger import Ledger
from app.log.race import Result
from app.look.choosing import choose_target
from app.look.theme import Theme
from app.messages.inspector import Inspector
from app.messages.transcript import Transcript
from app.speculation.panel import SpeculationPanel
from app.speculation.race_dialog import RaceDialog
from app.speculation.race_page import page
from app.talk.chat import Chat
from app.talk.race import Race
from app.threads.failure import Failure


class RaceWindow(QObject):
    """Shows ``race`` over answers of ``chat`` in a dialog, made when it is first wanted.

    It is asked for in ``transcript``, in ``panel`` (over the answer that ``inspector`` shows there) and by ``action``,
    all of which are grey, with the reason, where there can be no race.
    """

    def __init__(
        self,
        race: Race,
        chat: Chat,
        theme: Theme,
        transcript: Transcript,
        inspector: Inspector,
        panel: SpeculationPanel,
        action: QAction,
    ) -> None:
        super().__init__(transcript)
        self.race, self._chat, self._theme = race, chat, theme
        self._transcript, self._inspector, self._panel, self._action = transcript, inspector, panel, action
        self.dialog: RaceDialog | None = None
        self._answer: int | None = None  # the message whose question is raced
        transcript.message_actions.race.connect(self.open)
        panel.pace.race.clicked.connect(self._open_inspected)
        race.changed.connect(self._allow)
        self._allow()

    def open(self, answer: int) -> None:
        """Race over the question that the message ``answer`` answers, and show it."""
        if self.race.why_not:
            return
        self._answer = answer
        dialog = self.dialog = self.dialog or self._make()
        self.race.begin(self._chat.current.conversation.find(answer))
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def open_last(self) -> None:
        """Race over the last question that has an answer."""
        answers = [message for message in self._chat.current.conversation.messages if message.role == "assistant"]
        if answers:
            self.open(answers[-1].id)

    def _open_inspected(self) -> None:
        """Race over the answer that the panel is about."""
        if (message := self._inspector.message) is not None:
            self.open(message)

    def _make(self) -> RaceDialog:
        race, window = self.race, self._transcript.window()
        dialog = RaceDialog(self._theme.palette, window, moving=not self._theme.still)
        self._theme.changed.connect(dialog.set_palette)
        for signal, slot in (
            (race.began, dialog.begin),
            (race.turned, dialog.turn),
            (race.arrived, dialog.advance),
            (race.ended, dialog.end),
            (dialog.stop, race.stop),
            (dialog.again, self._again),
            (dialog.save, self._save),
        ):
            signal.connect(slot)
        return dialog

    def _allow(self) -> None:
        """Offer a race where there can be one, or say why there cannot."""
        why_not = self.race.why_not
        self._transcript.show_race(why_not)
        self._panel.pace.show_race(why_not)
        self._action.setEnabled(not why_not)
        if self.dialog is not None:
            self.dialog.allow(why_not)

    def _again(self) -> None:
        known = {message.id for message in self._chat.current.conversation.tree}
        if self._answer in known and self._answer is not None:
            self.open(self._answer)

    def _save(self, result: Result, plain: Ledger, fast: Ledger) -> None:
        """Ask where the race is to be written as a page, and write it there."""
        name = file_name(f"Race {result.course.question}")
        target = choose_target(
            self.dialog or self._transcript, "Save the race", f"{name}.html", ["Page that plays in a browser (*.html)"]
        )
        if target is None or self.dialog is None:
            return
        path = target[0] if target[0].suffix else Path(f"{target[0]}.html")
        try:
            growing = path.with_name(f".updraft-{secrets.token_hex(8)}.part")
            replace_text(path, page(result, plain, fast), growing)
        except OSError as error:
            self.dialog.say(Failure.of(error))
        else:
            self.dialog.saved(path.name)
