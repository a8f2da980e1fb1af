"""The controls of a replay: play, step, speed, and a slider over the whole reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QElapsedTimer, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.log.replay import Played
from app.look.label import Label
from app.look.palette import Palette
from app.look.typeface import tabular
from app.speculation.scrubber import Scrubber
from engine import words

SPEEDS = {"4× speed": 4.0, "real speed": 1.0, "½ speed": 0.5, "¼ speed": 0.25, "⅒ speed": 0.1}
FRAME = 16  # ms
Shape = Literal["play", "pause", "back", "on"]


class Player(QFrame):
    """Plays a replay. ``moved``: it is at another moment; the flag says whether text already written was shortened."""

    moved = Signal(bool)
    closed = Signal()

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("player")
        self.setAccessibleName("Replay")
        self.replay: Played | None = None
        self._timer = QTimer(self, interval=FRAME)
        self._timer.timeout.connect(self._tick)
        self._since = QElapsedTimer()
        self.scrubber = Scrubber(palette)
        self.scrubber.sought.connect(self.seek)
        self.scrubber.stepped.connect(self.step)
        self.scrubber.toggled.connect(self.toggle)
        self.play = Sign("play", "Play", self.toggle, palette)
        self.back = Sign("back", "One round back", lambda: self.step(-1), palette)
        self.on = Sign("on", "One round on", lambda: self.step(1), palette)
        self.speed = QComboBox()
        self.speed.setObjectName("playerSpeed")
        self.speed.addItems(list(SPEEDS))
        self.speed.setCurrentText("real speed")
        self.speed.setAccessibleName("Speed of the replay")
        self.speed.currentTextChanged.connect(lambda _: self._tell())
        self.place = Label()
        self.place.setObjectName("small")
        self.place.setFont(tabular(self.place.font()))
        self.shut = QPushButton("✕")
        self.shut.setObjectName("turnAction")
        self.shut.setAccessibleName("End the replay")
        self.shut.setToolTip("End the replay (Esc)")
        self.shut.clicked.connect(self.close_replay)
        self._arrange()
        self.hide()

    @property
    def playing(self) -> bool:
        """True while time passes."""
        return self._timer.isActive()

    @property
    def said(self) -> str:
        """The place and the speed in words."""
        if self.replay is None:
            return ""
        return f"{self.replay.seconds:.1f} of {words.seconds(self.replay.length)} · {self.replay.place}"

    def open_replay(self, replay: Played, *, playing: bool) -> None:
        """Show ``replay`` from its beginning, and play it at once if ``playing``."""
        self.replay = replay
        self.scrubber.show_strips(replay.strips)
        self.show()
        self.scrubber.setFocus(Qt.FocusReason.OtherFocusReason)
        self.seek(0.0)
        if playing:
            self.toggle()

    def close_replay(self) -> None:
        """End the replay, if there is one."""
        if self.replay is not None:
            self.put_away()
            self.closed.emit()

    def put_away(self) -> None:
        """Show nothing any more, without a word."""
        self._timer.stop()
        self.replay = None
        self.hide()

    def toggle(self) -> None:
        """Play or pause; from the end play anew."""
        if self.replay is None:
            return
        if self.playing:
            self._timer.stop()
        else:
            if self.replay.over:
                self.seek(0.0)
            self._since.start()
            self._timer.start()
        self._tell()

    def seek(self, seconds: float) -> None:
        """Go to that moment; playing goes on from there."""
        if self.replay is not None:
            self._moved(shortened=self.replay.go(seconds))

    def step(self, by: int) -> None:
        """Pause, and go ``by`` rounds on or back."""
        if self.replay is not None:
            self._timer.stop()
            self._moved(shortened=self.replay.step(by))

    def pass_time(self, seconds: float) -> None:
        """Advance by ``seconds`` of the reader's time, at the chosen speed."""
        if self.replay is not None:
            self.seek(self.replay.seconds + seconds * SPEEDS[self.speed.currentText()])
            if self.replay.over:
                self._timer.stop()
                self._tell()

    def set_palette(self, palette: Palette) -> None:
        self.scrubber.set_palette(palette)
        for sign in (self.play, self.back, self.on):
            sign.set_palette(palette)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End with Escape from any of the controls; the strip's other keys work from all of them, too."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_replay()
        else:
            self.scrubber.keyPressEvent(event)

    def _tick(self) -> None:
        self.pass_time(self._since.restart() / 1000)

    def _moved(self, *, shortened: bool) -> None:
        self._tell()
        self.moved.emit(shortened)

    def _tell(self) -> None:
        self.play.show_shape("pause" if self.playing else "play", "Pause" if self.playing else "Play")
        if self.replay is not None:
            self.place.setText(self.said)
            self.scrubber.show_place(self.replay.seconds, f"{self.said}, {self.speed.currentText()}")

    def _arrange(self) -> None:
        title = Label("REPLAY")
        title.setObjectName("section")
        head, row = QHBoxLayout(), QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(title)
        head.addWidget(self.place)
        head.addStretch()
        head.addWidget(self.speed)
        head.addWidget(self.shut)
        row.setSpacing(4)
        for widget in (self.back, self.play, self.on):
            row.addWidget(widget)
        row.addSpacing(6)
        row.addWidget(self.scrubber, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(14, 8, 12, 10)
        rows.setSpacing(4)
        rows.addLayout(head)
        rows.addLayout(row)


class Sign(QPushButton):
    """A button with one of a player's usual symbols, drawn because not every font has them."""

    def __init__(self, shape: Shape, name: str, act: Callable[[], None], palette: Palette) -> None:
        super().__init__()
        self.setObjectName("turnAction")
        self._shape, self._palette = shape, palette
        self.show_shape(shape, name)
        self.clicked.connect(lambda: act())  # noqa: PLW0108 - the signal's argument is not for act

    def show_shape(self, shape: Shape, name: str) -> None:
        """Change the shape and what the button is called."""
        self._shape = shape
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.update()

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(28, 26)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the button, and the shape over it."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.text))
        painter.translate(QRectF(self.rect()).center())
        if self._shape == "back":
            painter.scale(-1, 1)
        if self._shape == "pause":
            for left in (-4.5, 1.5):
                painter.drawRect(QRectF(left, -5, 3, 10))
            return
        shift = 0.0 if self._shape == "play" else -1.5
        painter.drawPolygon(QPolygonF([QPointF(x + shift, y) for x, y in ((-3.5, -5.5), (5, 0), (-3.5, 5.5))]))
        if self._shape != "play":
            painter.drawRect(QRectF(4, -5, 2, 10))
