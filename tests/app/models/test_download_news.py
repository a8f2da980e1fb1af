"""What the main window shows of downloads while the wizard and the page of models are closed."""

from __future__ import annotations

from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from app.models.download_news import DownloadLine, DownloadNews
from app.models.library import ModelLibrary, Offer
from app.notices import Toast
from engine.config import ModelSet
from tests.engine.library.hub import FakeHub, Fault


def test_a_download_is_seen_and_its_end_is_told(library: ModelLibrary, hub: FakeHub, qtbot: QtBot) -> None:
    """Guards against a download that goes on, stops or ends without a sign of it outside the wizard."""
    window = QMainWindow()
    qtbot.addWidget(window)
    line, toast = DownloadLine(library.downloads), Toast(window, window.menuBar())
    window.setCentralWidget(line)
    used: list[ModelSet] = []
    DownloadNews(library, toast, used.append, lambda: False)
    window.resize(300, 200)
    window.show()
    assert not line.isVisible()
    hub.faults += [Fault("slow", "model.safetensors", at=2_000_000, times=9)]
    offers: list[Offer] = []
    library.survey(4096).finished.connect(lambda survey: offers.extend(survey.offers))
    qtbot.waitUntil(lambda: bool(offers))
    library.downloads.get(next(offer for offer in offers if offer.name == "smollm2-135m"))
    qtbot.waitUntil(lambda: line.isVisible() and line.toolTip().split("%")[0].rstrip()[-1].isdigit(), timeout=10_000)
    assert line.toolTip().startswith("Download: SmolLM2 135M · ")
    library.downloads.pause("smollm2-135m")
    qtbot.waitUntil(lambda: "paused" in line.text(), timeout=10_000)
    hub.faults.clear()
    library.downloads.resume("smollm2-135m")
    qtbot.waitUntil(toast.isVisible, timeout=20_000)
    assert toast.label.text() == "SmolLM2 135M is ready."
    assert not line.isVisible()
    assert not toast.take_back(), "Ctrl+Z is not for this"
    toast.undo.click()
    assert [models.name for models in used] == ["SmolLM2 135M"]
    assert not toast.isVisible()
