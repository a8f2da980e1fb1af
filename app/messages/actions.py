"""Signals for message actions: copy, edit, regenerate, delete and the like."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class MessageActions(QObject):
    """Carries the reader's clicks on messages to the chat. Most signals hold a message id, too large for a C int."""

    copy = Signal(object)
    edit = Signal(object)
    regenerate = Signal(object)  # another answer to the same question
    resume = Signal(object)  # the rest of an answer, or the answer to a question
    delete = Signal(object)
    show_version = Signal(object)  # in place of the one shown
    replay = Signal(object)  # Answer
    race = Signal(object)  # the question of an answer, by plain decoding and by the method chosen
    plain = Signal()  # decode without speculation from now on, with this model
    read_all = Signal()  # let the model read what is above the edge again
