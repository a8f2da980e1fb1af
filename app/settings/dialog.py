"""The Settings dialog: a page for each section, built from the options. Changes apply at once."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.desktop.folders import as_told
from app.look.calm_dialog import CalmDialog
from app.look.label import label
from app.look.names import Names
from app.look.room import make_room
from app.settings.fields import Field, LearningField, SwitchField, make_field, suggest
from app.settings.options import OPTIONS, SECTIONS, in_section
from app.settings.preferences import Preferences
from app.settings.windows_field import WindowsField
from engine.config import PRESETS, Chosen

NOTHING = Chosen()


class SettingsDialog(CalmDialog):
    """Shows and changes ``preferences``; says at the top what could not be read in their file.

    ``suggested`` holds the loaded model's values for what was not chosen.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None, suggested: Chosen = NOTHING) -> None:
        super().__init__(parent)
        self.preferences = preferences
        self.setWindowTitle("Settings")
        make_room(self, 760, 640)
        self.windows = WindowsField(OPTIONS["windows"])
        self.learning = LearningField(OPTIONS["learning"])
        own: dict[str, Field] = {"windows": self.windows, "learning": self.learning}
        self.fields = {option.name: own.get(option.name) or make_field(option) for option in OPTIONS.values()}
        for name, field in self.fields.items():
            field.changed.connect(lambda value, name=name: preferences.change(**{name: value}))
        self.sections = Names(168)
        self.sections.setObjectName("sections")
        self.sections.setAccessibleName("Sections")
        self.pages = QStackedWidget()
        for section, title in SECTIONS.items():
            self.sections.addItem(title)
            self.pages.addWidget(self._make_page(section, title))
        self.sections.currentRowChanged.connect(self.pages.setCurrentIndex)
        self.sections.setCurrentRow(0)
        self._lay_out()
        suggest(self.fields, suggested)
        preferences.changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        """Focus the list of sections, so that the arrow keys work."""
        super().showEvent(event)
        self.sections.setFocus()

    def show_section(self, section: str) -> None:
        """Go to a section."""
        self.sections.setCurrentRow(list(SECTIONS).index(section))

    def _show(self) -> None:
        settings = self.preferences.settings
        self.windows.show_preset(replace(settings, windows=()).hierarchy(PRESETS[settings.preset]))
        for name, field in self.fields.items():
            field.show_value(getattr(settings, name))
        self.fields["tolerance"].setEnabled(settings.acceptance != "exact")

    def _make_page(self, section: str, title: str) -> QWidget:
        page = QWidget()
        page.setObjectName("settingsPage")
        rows = QVBoxLayout(page)
        rows.setContentsMargins(24, 18, 24, 18)
        rows.setSpacing(4)
        heading = label(title, "pageTitle")
        rows.addWidget(heading)
        for option in in_section(section):
            field = self.fields[option.name]
            rows.addSpacing(12)
            if not isinstance(field, SwitchField):
                title_of = label(option.title, "optionTitle")
                title_of.setBuddy(field.inner)
                rows.addWidget(title_of)
            rows.addWidget(field)
            rows.addWidget(label(option.sentence, "small"))
            if isinstance(field, LearningField):
                rows.addWidget(field.note)
        rows.addStretch()
        scroll = QScrollArea()
        scroll.setObjectName("settingsScroll")
        scroll.setAccessibleName(title)
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(page)
        return scroll

    def _lay_out(self) -> None:
        columns = QHBoxLayout()
        columns.setSpacing(0)
        columns.addWidget(self.sections)
        columns.addWidget(self.pages, 1)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.close)
        close.button(QDialogButtonBox.StandardButton.Close).setAccessibleName("Close")
        foot = QHBoxLayout()
        foot.setContentsMargins(24, 10, 16, 14)
        self.place = label(f"Kept in {as_told(self.preferences.file.path)}", "small")
        foot.addWidget(self.place, 1)
        foot.addWidget(close)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for problem in self.preferences.problems:
            rows.addWidget(label(problem, "warning"))
        rows.addLayout(columns, 1)
        rows.addLayout(foot)
