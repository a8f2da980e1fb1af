"""The page on which a model is taught to draft: what is chosen, the course under way, or what came of it."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.look.palette import Palette
from app.look.room import make_room
from app.look.scrolled import Scrolled
from app.models.library import taught_here
from app.models.page_parts import button, headline
from app.models.teaching.choosing import Choosing
from app.models.teaching.order import Order, unfinished
from app.models.teaching.progress import Progress
from app.models.teaching.watching import Watching
from app.threads.failure import Failure


class TeachingPage(QDialog):
    """Shows ``choosing`` or ``watching``."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Teach a model to draft")
        self.choosing, self.watching = Choosing(), Watching(palette)
        self.title, self.shut = headline(""), button("Close")
        self.shut.clicked.connect(self.close)
        area = Scrolled()
        area.rows.setContentsMargins(24, 20, 24, 4)
        area.rows.setSpacing(12)
        for part in (self.title, self.choosing, self.watching):
            area.rows.addWidget(part)
        foot, whole = QHBoxLayout(), QVBoxLayout(self)
        foot.setContentsMargins(24, 0, 24, 16)
        foot.addStretch(1)
        foot.addWidget(self.choosing.begin)  # in sight, however much there is to choose from
        foot.addWidget(self.shut)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area, 1)
        whole.addLayout(foot)
        make_room(self, 640, 740)

    def ask(self, order: Order, refused: Failure | None = None, *, loaded: bool = False) -> None:
        """Ask what the model of ``order`` is to be taught; ``refused``: why what was asked last cannot be.

        ``loaded``: the chat has a model in memory.
        """
        self.title.setText(f"Teach {order.title} to draft")
        self.choosing.show_model(order, unfinished(order.target))
        self.choosing.show_taught(taught_here(order.target))
        self.choosing.refuse(refused, loaded=loaded)
        self._turn_to(self.choosing)
        self.choosing.cards[self.choosing.what].choice.setFocus()

    def watch(self, progress: Progress) -> None:
        """Show the course as it stands."""
        self.title.setText(f"Teach {progress.order.title} to draft")
        self.watching.show_progress(progress)
        self._turn_to(self.watching)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self.watching.chart.set_palette(palette)

    def _turn_to(self, part: QWidget) -> None:
        for each in (self.choosing, self.watching):
            each.setVisible(each is part)
        self.choosing.begin.setVisible(part is self.choosing)
