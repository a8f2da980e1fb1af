"""The row above the conversation: which model, which hierarchy, how tokens are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QIcon, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QToolButton, QWidget

from app.assets import asset
from app.sampling import SamplingButton
from engine.config import PRESETS, ModelSet, Preset, Role

ROOMY = 820  # below this width the hierarchies fold into one button


class TopBar(QFrame):
    """Pickers for the model set and the hierarchy. What a set cannot run is disabled, with the reason."""

    model_chosen = Signal(object)  # ModelSet
    folder_wanted = Signal()
    preset_chosen = Signal(object)  # Preset

    def __init__(self, panel: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topbar")
        logo = QLabel()
        logo.setPixmap(QIcon(str(asset("icons", "updraft.svg"))).pixmap(22, 22))
        self.models = _menu_button("Model")
        self.presets = self._make_presets()
        self.segments = self._make_segments()
        self.folded = _menu_button("Hierarchy")
        menu = QMenu(self.folded)
        menu.addActions(list(self.presets.values()))
        self.folded.setMenu(menu)
        self.sampling = SamplingButton()
        toggle = ActionButton(panel)
        toggle.setObjectName("chip")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(10)
        row.addWidget(logo)
        row.addSpacing(2)
        for widget in (self.models, self.segments, self.folded):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(self.sampling)
        row.addWidget(toggle)
        self._fold(self.width())

    def minimumSizeHint(self) -> QSize:
        """As narrow as the folded form, so that the window may shrink before the row has folded."""
        return QSize(440, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the hierarchies into one button where the row is short."""
        super().resizeEvent(event)
        self._fold(event.size().width())

    def show_models(self, known: Sequence[ModelSet], current: ModelSet | None) -> None:
        """List ``known`` sets, ``current`` chosen, and a way to open another folder."""
        menu = QMenu(self.models)
        choices = QActionGroup(menu)
        for models in known:
            action = menu.addAction(models.name)
            action.setCheckable(True)
            action.setChecked(models == current)
            action.setToolTip(str(models.target))
            action.triggered.connect(lambda _, chosen=models: self.model_chosen.emit(chosen))
            choices.addAction(action)
        menu.addSeparator()
        menu.addAction("Open model folder…", self.folder_wanted.emit)
        old = self.models.menu()
        self.models.setMenu(menu)
        if old is not None:
            old.deleteLater()
        self.models.setText(current.name if current is not None else "No model")

    def show_preset(self, current: Preset, models: ModelSet | None) -> None:
        """Choose ``current`` and disable what ``models`` cannot run."""
        for name, action in self.presets.items():
            preset = PRESETS[name]
            lacking = missing_roles(preset, models)
            action.setEnabled(not lacking)
            action.setChecked(name == current.name)
            note = f"{models.name} has no {' and no '.join(lacking)} model." if lacking and models else ""
            action.setToolTip(f"{preset.summary}\n{note}".strip())
        self.folded.setText(self.presets[current.name].text())

    def _make_presets(self) -> dict[str, QAction]:
        group = QActionGroup(self)
        found = {}
        for name, preset in PRESETS.items():
            action = QAction(preset.title if preset.lossless else f"{preset.title} · lossy", group)
            action.setCheckable(True)
            action.triggered.connect(lambda _, chosen=preset: self.preset_chosen.emit(chosen))
            found[name] = action
        return found

    def _make_segments(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("segments")
        frame.setAccessibleName("Hierarchy")
        row = QHBoxLayout(frame)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        for action in self.presets.values():
            row.addWidget(ActionButton(action))
        return frame

    def _fold(self, width: int) -> None:
        self.segments.setVisible(width >= ROOMY)
        self.folded.setVisible(width < ROOMY)


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
        self.setText(self._action.text())
        self.setAccessibleName(self._action.text())
        self.setToolTip(self._action.toolTip())
        self.setEnabled(self._action.isEnabled())
        self.setChecked(self._action.isChecked())


def missing_roles(preset: Preset, models: ModelSet | None) -> list[Role]:
    """Return the roles ``preset`` needs and ``models`` lacks, in order of name."""
    return [] if models is None else sorted(role for role in preset.roles if models.folder(role) is None)


def _menu_button(name: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("picker")
    button.setAccessibleName(name)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button
