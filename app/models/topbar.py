"""The row above the chat: which model, which method of speculation, how tokens are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from app.look.label import plain_name, plain_tip
from app.models.method_list import MethodButton, Offer
from app.settings.options import Settings
from app.settings.sampling import SamplingButton
from engine.config import DRAFTERS, PRESETS, ModelSet, Preset, Role

SNUG = 680  # below this one the parts move closer together


class TopBar(QFrame):
    """Pickers for the model set and the method. What a set cannot run is disabled, with the reason.

    ``picked``: something was chosen in a menu, and the keyboard is free for what comes next. ``missed``: a
    method was asked for by its name although something is missing for it.
    """

    model_chosen = Signal(object)  # ModelSet
    folder_wanted = Signal()
    get_wanted = Signal()
    teach_wanted = Signal()  # the model shown
    preset_chosen = Signal(object)  # Preset
    picked = Signal()
    missed = Signal(str)

    def __init__(self, panel: QAction, sidebar: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topbar")
        self.conversations = SignButton(sidebar)
        self.conversations.setObjectName("sidebarToggle")
        self.views: QFrame | None = None
        self.models = _menu_button("Model")
        self.presets = self._make_presets()
        self.method = MethodButton()
        self.method.methods.chosen.connect(self._take)
        self.method.methods.missed.connect(self.missed)
        self.sampling = SamplingButton()
        self._panel = ActionButton(panel)
        self._panel.setObjectName("chip")
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(10)
        row.addWidget(self.conversations)
        row.addWidget(self.models)
        row.addWidget(self.method)
        row.addStretch()
        self._views = row.count()
        row.addWidget(self.sampling)
        row.addWidget(self._panel)
        self._fold(self.width())

    def add_views(self, actions: Sequence[QAction]) -> None:
        """Offer a choice of views, left of the sampling."""
        self.views = _segmented("View", actions)
        self._row.insertWidget(self._views, self.views)
        before: QWidget = self.method
        for button in (*self.views.findChildren(ActionButton), self.sampling):  # as they stand
            QWidget.setTabOrder(before, button)
            before = button

    def minimumSizeHint(self) -> QSize:
        """As narrow as the pickers alone, so that the window may shrink before the row has folded."""
        return QSize(440, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show what has a place in a row of another width."""
        super().resizeEvent(event)
        self._fold(event.size().width())

    def show_sidebar(self, shown: bool) -> None:
        """Offer to bring the conversations back while they are hidden."""
        self.conversations.setVisible(not shown)
        self._fold(self.width())

    def show_models(
        self, known: Sequence[ModelSet], current: ModelSet | None, larger: Mapping[Path, str] | None = None
    ) -> None:
        """List ``known`` sets, ``current`` chosen, and ways to more of them.

        ``larger``: how sets run that are larger than the GPU, by the folder of their target.
        """
        menu = QMenu(self.models)
        menu.setToolTipsVisible(True)
        menu.triggered.connect(self.picked)
        choices = QActionGroup(menu)
        for models in known:
            action = menu.addAction(plain_name(models.name))
            action.setCheckable(True)
            action.setChecked(current is not None and (models.name, models.target) == (current.name, current.target))
            action.setToolTip(plain_tip(f"{models.target}\n{(larger or {}).get(models.target, '')}".strip()))
            action.triggered.connect(lambda _, chosen=models: self.model_chosen.emit(chosen))
            choices.addAction(action)
        menu.addSeparator()
        menu.addAction("Teach it to draft…", self.teach_wanted.emit).setEnabled(current is not None)
        menu.addAction("Get a model…", self.get_wanted.emit)
        menu.addAction("Open model folder…", self.folder_wanted.emit)
        old = self.models.menu()
        self.models.setMenu(menu)
        if old is not None:
            old.deleteLater()
        self.models.setText(plain_name(current.name) if current is not None else "No model")

    def show_preset(self, current: Preset, models: ModelSet | None, settings: Settings) -> None:
        """Choose ``current`` and disable what ``models`` cannot run; ``settings`` say which are lossy."""
        offers = []
        for name, action in self.presets.items():
            preset = settings.hierarchy(PRESETS[name])
            title = preset.title if preset.lossless else f"{preset.title} · lossy"
            lacking = missing_roles(preset, models)
            needs = f"needs {' and '.join(preset.needs[role] for role in lacking)}"
            action.setText(f"{title}\t{needs if lacking else preset.summary}")  # a menu shows both, a button the title
            action.setIconText(title)
            action.setEnabled(not lacking)
            action.setChecked(name == current.name)
            note = f"It {needs}, which {models.name} lacks. You can {_way(lacking)}." if lacking and models else ""
            action.setToolTip(plain_tip(f"{preset.summary}\n{note}".strip()))
            why_not = f"{needs[:1].upper()}{needs[1:]}: {_way(lacking)}." if lacking else ""
            offers.append(Offer(name, title, preset.summary, why_not, name == current.name))
        self.method.show_offers(offers)

    def _take(self, name: str) -> None:
        self.preset_chosen.emit(PRESETS[name])
        self.picked.emit()

    def _make_presets(self) -> dict[str, QAction]:
        group = QActionGroup(self)
        found = {}
        for name, preset in PRESETS.items():
            action = QAction(preset.title, group)
            action.setCheckable(True)
            action.triggered.connect(lambda _, chosen=preset: self.preset_chosen.emit(chosen))
            found[name] = action
        return found

    def changeEvent(self, event: QEvent) -> None:
        """Fold sooner where the text is larger."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fold(self.width())

    def _fold(self, room: int) -> None:
        """Show what has a place in a row of ``room`` pixels; the views go first where there is too little."""
        side, gap = (16, 10) if room >= SNUG else (10, 6)
        self._row.setContentsMargins(side, 8, side, 8)
        self._row.setSpacing(gap)
        needed: list[QWidget] = [self.models, self.method]
        needed += [] if self.conversations.isHidden() else [self.conversations]
        always: list[QWidget] = [*needed, self.sampling, self._panel]
        views = [] if self.views is None else [self.views]

        def fit(*widgets: QWidget) -> bool:
            return sum(widget.sizeHint().width() + gap for widget in widgets) + 2 * side <= room

        for widget in views:
            widget.setVisible(fit(*always, *views))  # else they are left to the menu
        self.sampling.setVisible(fit(*needed, self.sampling))  # else to the settings
        self._panel.setVisible(fit(*always))


class ActionButton(QPushButton):
    """A push button that mirrors a checkable action: a tool button would ignore the sheet's colour for checked text."""

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self.setCheckable(True)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._mirror)
        self._mirror()

    def _mirror(self) -> None:
        self.setText(self._action.iconText())
        self.setAccessibleName(self._action.iconText())
        self.setToolTip(self._action.toolTip())
        self.setEnabled(self._action.isEnabled())
        self.setChecked(self._action.isChecked())


class SignButton(ActionButton):
    """Shows an icon from the sheet in place of the action's text, which stays its name."""

    def _mirror(self) -> None:
        super()._mirror()
        self.setText("")

    def sizeHint(self) -> QSize:
        """Be square: Qt leaves room for four letters where there is no text."""
        return QSize(super().sizeHint().height(), super().sizeHint().height())


def missing_roles(preset: Preset, models: ModelSet | None) -> list[Role]:
    """Return the roles ``preset`` needs and ``models`` lacks, in order of name."""
    return [] if models is None else sorted(preset.roles - models.models.keys())


def _way(lacking: Sequence[Role]) -> str:
    """Say how to come by models for the roles ``lacking``: a drafter is added to a model that is there."""
    return f"{'add' if DRAFTERS.issuperset(lacking) else 'get'} {'one' if len(lacking) == 1 else 'them'} in Models"


def _segmented(name: str, actions: Sequence[QAction]) -> QFrame:
    """Return buttons for ``actions`` joined into one control."""
    frame = QFrame()
    frame.setObjectName("segments")
    frame.setAccessibleName(name)
    row = QHBoxLayout(frame)
    row.setContentsMargins(1, 1, 1, 1)
    row.setSpacing(0)
    for action in actions:
        row.addWidget(ActionButton(action))
    return frame


def _menu_button(name: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("picker")
    button.setAccessibleName(name)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button
