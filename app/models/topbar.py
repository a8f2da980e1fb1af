"""The row above the chat: which model, which method of speculation, how tokens are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from app.look.label import plain_name, plain_tip
from app.settings.options import Settings
from app.settings.sampling import SamplingButton
from engine.config import DRAFTERS, PRESETS, ModelSet, Preset, Role

SNUG = 680  # below this one the parts move closer together


class TopBar(QFrame):
    """Pickers for the model set and the method. What a set cannot run is disabled, with the reason.

    ``picked``: something was chosen in a menu, and the keyboard is free for what comes next.
    """

    model_chosen = Signal(object)  # ModelSet
    folder_wanted = Signal()
    get_wanted = Signal()
    preset_chosen = Signal(object)  # Preset
    picked = Signal()

    def __init__(self, panel: QAction, sidebar: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topbar")
        self.conversations = SignButton(sidebar)
        self.conversations.setObjectName("sidebarToggle")
        self.views: QFrame | None = None
        self.models = _menu_button("Model")
        self.presets = self._make_presets()
        self.segments = _segmented("Method", list(self.presets.values()))
        self.folded = _menu_button("Method")
        menu = QMenu(self.folded)
        menu.addActions(list(self.presets.values()))
        menu.setToolTipsVisible(True)
        menu.triggered.connect(self.picked)
        self.folded.setMenu(menu)
        self.sampling = SamplingButton()
        self._panel = ActionButton(panel)
        self._panel.setObjectName("chip")
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(10)
        row.addWidget(self.conversations)
        for widget in (self.models, self.segments, self.folded):
            row.addWidget(widget)
        row.addStretch()
        self._views = row.count()
        row.addWidget(self.sampling)
        row.addWidget(self._panel)
        self._fold(self.width())

    def add_views(self, actions: Sequence[QAction]) -> None:
        """Offer a choice of views, left of the sampling."""
        self.views = _segmented("View", actions)
        self._row.insertWidget(self._views, self.views)
        before: QWidget = self.folded
        for button in (*self.views.findChildren(ActionButton), self.sampling):  # as they stand
            QWidget.setTabOrder(before, button)
            before = button

    def minimumSizeHint(self) -> QSize:
        """As narrow as the pickers alone, so that the window may shrink before the row has folded."""
        return QSize(440, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the hierarchies into one button where the row is short."""
        super().resizeEvent(event)
        self._fold(event.size().width())

    def show_sidebar(self, shown: bool) -> None:
        """Offer to bring the conversations back while they are hidden."""
        self.conversations.setVisible(not shown)
        self._fold(self.width())

    def show_models(self, known: Sequence[ModelSet], current: ModelSet | None) -> None:
        """List ``known`` sets, ``current`` chosen, and ways to more of them."""
        menu = QMenu(self.models)
        menu.setToolTipsVisible(True)
        menu.triggered.connect(self.picked)
        choices = QActionGroup(menu)
        for models in known:
            action = menu.addAction(plain_name(models.name))
            action.setCheckable(True)
            action.setChecked(current is not None and (models.name, models.target) == (current.name, current.target))
            action.setToolTip(plain_tip(str(models.target)))
            action.triggered.connect(lambda _, chosen=models: self.model_chosen.emit(chosen))
            choices.addAction(action)
        menu.addSeparator()
        menu.addAction("Get a model…", self.get_wanted.emit)
        menu.addAction("Open model folder…", self.folder_wanted.emit)
        old = self.models.menu()
        self.models.setMenu(menu)
        if old is not None:
            old.deleteLater()
        self.models.setText(plain_name(current.name) if current is not None else "No model")

    def show_preset(self, current: Preset, models: ModelSet | None, settings: Settings) -> None:
        """Choose ``current`` and disable what ``models`` cannot run; ``settings`` say which are lossy."""
        for name, action in self.presets.items():
            preset = settings.hierarchy(PRESETS[name])
            title = preset.title if preset.lossless else f"{preset.title} · lossy"
            lacking = missing_roles(preset, models)
            needs = f"needs {' and '.join(preset.needs[role] for role in lacking)}"
            action.setText(f"{title}\t{needs if lacking else preset.summary}")  # a menu shows both, a button the title
            action.setIconText(title)
            action.setEnabled(not lacking)
            action.setChecked(name == current.name)
            ways = "You can add one in Models." if DRAFTERS.issuperset(lacking) else "You can get some in Models."
            note = f"It {needs}, which {models.name} lacks. {ways}" if lacking and models else ""
            action.setToolTip(plain_tip(f"{preset.summary}\n{note}".strip()))
        self.folded.setText(self.presets[current.name].iconText())

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
        """Show what has a place in a row of ``room`` pixels: the views, and then the hierarchies side by side."""
        side, gap = (16, 10) if room >= SNUG else (10, 6)
        self._row.setContentsMargins(side, 8, side, 8)
        self._row.setSpacing(gap)
        needed: list[QWidget] = [self.models] if self.conversations.isHidden() else [self.conversations, self.models]
        always: list[QWidget] = [*needed, self.sampling, self._panel]
        views = [] if self.views is None else [self.views]

        def fit(*widgets: QWidget) -> bool:
            return sum(widget.sizeHint().width() + gap for widget in widgets) + 2 * side <= room

        wide = fit(*always, *views, self.segments)
        for widget in views:
            widget.setVisible(wide or fit(*always, *views, self.folded))  # else they are left to the menu
        self.sampling.setVisible(wide or fit(*needed, self.folded, self.sampling))  # else to the settings
        self._panel.setVisible(wide or fit(*always, self.folded))
        self.segments.setVisible(wide)
        self.folded.setVisible(not wide)


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
