"""Shows what Updraft is, its version, and the licences of it and of its components."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.desktop.identity import icon
from app.desktop.version import requirements
from app.look.assets import asset
from app.look.label import Label
from app.look.names import Names
from app.look.room import make_room
from engine.version import VERSION

QT = (
    "Qt and PySide6 are used under the GNU Lesser General Public License, version 3. They lie beside Updraft as "
    "libraries of their own, so you may replace them by your own builds. Source code: https://code.qt.io"
)


@dataclass(frozen=True, slots=True)
class Component:
    """A part of Updraft; ``text`` is its full licence, or says where to find it."""

    name: str
    version: str
    licence: str
    text: str


class AboutDialog(QDialog):
    """Describes Updraft and lists every component with its licence, the model in ``starter`` included."""

    def __init__(self, starter: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Updraft")
        make_room(self, 900, 560)  # room for licences, whose lines are broken at 80 characters
        self.components = components(starter)
        self.names = Names(230)
        self.names.setAccessibleName("Components")
        self.names.addItems([f"{component.name} {component.version}".strip() for component in self.components])
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Licence")
        self.licence = Label()
        self.licence.setObjectName("optionTitle")
        self.licence.setWordWrap(True)
        self.names.currentRowChanged.connect(self._show)
        self.names.setCurrentRow(0)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.button(QDialogButtonBox.StandardButton.Close).setAccessibleName("Close")
        close.rejected.connect(self.close)
        columns = QHBoxLayout()
        columns.setSpacing(14)
        columns.addWidget(self.names)
        right = QVBoxLayout()
        right.addWidget(self.licence)
        right.addWidget(self.text, 1)
        columns.addLayout(right, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(20, 18, 20, 14)
        rows.setSpacing(14)
        rows.addLayout(_head())
        rows.addLayout(columns, 1)
        rows.addWidget(close)

    def _show(self, row: int) -> None:
        component = self.components[row]
        self.licence.setText(component.licence)
        self.text.setPlainText(component.text)


def components(starter: Path) -> list[Component]:
    """Return Updraft, what is bundled with it, and every installed distribution it uses.

    ``starter`` is the folder of the model that set-up fetched; it need not exist.
    """
    here = [
        Component("Updraft", VERSION, "Apache-2.0", _own_licence()),
        Component("Inter", "font", "OFL-1.1", asset("fonts", "Inter-LICENSE.txt").read_text("utf-8")),
    ]
    card = asset("starter", "README.md")
    if card.is_file():
        here.append(Component("Tiny models", "", "CC BY-SA 4.0", card.read_text("utf-8")))
    notice, licence = (starter / name for name in ("NOTICE", "LICENSE"))
    if notice.is_file() and licence.is_file():
        text = f"{notice.read_text('utf-8')}\n{licence.read_text('utf-8')}"
        here.append(Component("SmolLM2-135M-Instruct", "", "Apache-2.0", text))
    return here + [found for name in requirements() if (found := _component(name)) is not None]


def _head() -> QHBoxLayout:
    logo = Label()
    logo.setPixmap(icon().pixmap(56, 56))
    name = Label(f"Updraft {VERSION}")
    name.setObjectName("headline")
    words = Label(
        "Chat with a language model on your own PC, offline, and watch hierarchical speculative decoding work. "
        "Nothing you write leaves this computer."
    )
    words.setObjectName("subline")
    words.setWordWrap(True)
    rows = QVBoxLayout()
    rows.addWidget(name)
    rows.addWidget(words)
    head = QHBoxLayout()
    head.setSpacing(16)
    head.addWidget(logo, 0, Qt.AlignmentFlag.AlignTop)
    head.addLayout(rows, 1)
    return head


def _component(name: str) -> Component | None:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    text = QT if name.startswith("pyside6") else _licence_text(found)
    return Component(name, found.version, _licence_name(found), text)


def _licence_name(found: Distribution) -> str:
    """Return the licence's short name, from whichever field the distribution gives it in."""
    named = (_first(found, "License-Expression") or _first(found, "License")).strip()
    classifiers = [
        c.rsplit(" :: ", 1)[-1] for c in found.metadata.get_all("Classifier") or () if c.startswith("License")
    ]
    return (named.splitlines()[0] if named else ", ".join(classifiers)) or "see its licence"


def _licence_text(found: Distribution) -> str:
    """Return the licence files the distribution came with."""
    files = [
        f for f in found.files or () if Path(f).name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE"))
    ]
    texts = [Path(str(f.locate())).read_text("utf-8", "replace") for f in files if Path(str(f.locate())).is_file()]
    home = _first(found, "Home-page") or ", ".join(found.metadata.get_all("Project-URL") or ())
    return "\n\n".join(texts) or f"This distribution came without a licence text. See {home or 'its home page'}."


def _first(found: Distribution, field: str) -> str:
    return str((found.metadata.get_all(field) or [""])[0])


def _own_licence() -> str:
    """Return Updraft's licence, from beside the sources or from the installed distribution."""
    beside = Path(__file__).resolve().parents[2] / "LICENSE"
    if beside.is_file():
        return beside.read_text("utf-8")
    found = _component("updraft-chat")
    return found.text if found is not None else "Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0"
