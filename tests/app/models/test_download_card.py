"""What one download says while it does not move."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.models.download_card import DownloadCard, file_state, unfinished
from app.models.library import FileProgress, ModelLibrary, Progress
from app.models.wizard.download_page import DownloadPage
from app.models.wizard.wizard_page import Plan

HALF = FileProgress("ada/tiny", "model.safetensors", 200, 100, "downloading")
WHOLE = FileProgress("ada/small", "model.safetensors", 50, 50, "done")


@pytest.fixture
def view(qtbot: QtBot, library: ModelLibrary) -> DownloadCard:
    made = DownloadCard(library.downloads, "smollm2", "SmolLM2 1.7B")
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_file_does_not_move_while_its_job_is_paused() -> None:
    """Guards against "Downloading, 94 %" under "Paused"."""
    paused = Progress("smollm2", "paused", "Paused.", files=(HALF,))
    assert file_state(HALF, paused) == "Paused, 50 %"
    assert file_state(HALF, Progress("smollm2", "downloading", "")) == "Downloading, 50 %"
    assert unfinished((HALF, WHOLE)) == 100, "what is complete stays when a job is cancelled"


def test_a_wait_can_be_cut_short(view: DownloadCard, library: ModelLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a minute of waiting for a connection that is back."""
    hurried: list[str] = []
    monkeypatch.setattr(library.downloads._downloads, "hurry", hurried.append)
    downloads = library.downloads
    downloads.progressed.emit(Progress("smollm2", "downloading", "", files=(HALF,)))
    assert not view.hurry.isVisible()
    downloads.progressed.emit(Progress("smollm2", "stalled", "trying again in 40 s.", files=(HALF,), again=40.0))
    assert view.hurry.isVisible()
    view.hurry.click()
    assert hurried == ["smollm2"]


def test_a_job_that_waits_says_what_for(view: DownloadCard, library: ModelLibrary) -> None:
    """Guards against "Waiting." and no more."""
    library.downloads._jobs["qwen3-4b"] = Progress("qwen3-4b", "downloading", "")
    library.downloads.progressed.emit(Progress("smollm2", "waiting", "Waiting."))
    assert view.say.text() == "Begins when Qwen3 4B is done."


def test_going_offline_leaves_the_figures_and_says_where_to_go_online(
    qtbot: QtBot, library: ModelLibrary, view: DownloadCard
) -> None:
    """Guards against an empty card for 770 MB that are there, and a switch nobody finds."""
    page = DownloadPage(library, Plan())
    qtbot.addWidget(page)
    page.show()
    downloads = library.downloads
    downloads._downloads.events.put(Progress("smollm2", "downloading", "", have=100, size=200, files=(HALF,)))
    downloads._hear()
    library.set_offline(offline=True)
    downloads._downloads.events.put(Progress("smollm2", "paused", "Updraft is offline, as set.", kind="offline"))
    downloads._hear()
    assert view.figures.isVisible()
    assert view.bar.value() == 500
    notes = [label.text() for label in page.findChildren(type(page.headline)) if label.isVisible()]
    assert any("Settings > Network" in text for text in notes)
