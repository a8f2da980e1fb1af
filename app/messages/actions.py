"""What the reader wants done with messages: signals from what shows them to what can do it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Wishes(QObject):
    """One for all messages shown. Most carry the id of a message, which is too large for a C int."""

    copy = Signal(object)
    edit = Signal(object)
    again = Signal(object)  # another answer to the same question
    go_on = Signal(object)  # the rest of an answer, or the answer to a question
    remove = Signal(object)
    version = Signal(object)  # this one in place of the one shown
    replay = Signal(object)  # Answer
    plain = Signal()  # decoding without speculation from now on, for this model
    read_all = Signal()  # by the model: also what is above the edge
