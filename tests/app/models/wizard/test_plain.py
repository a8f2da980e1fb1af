"""What Hugging Face, a folder or an error says is shown as it stands, on every page of the wizard and in Models."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.models.confirm import confirm
from app.models.download_card import DownloadCard
from app.models.download_news import DownloadLine
from app.models.library import FileProgress, ModelLibrary, Offer, Progress
from app.models.library_page import LibraryPage
from app.models.wizard.offer_card import OfferCard
from app.models.wizard.wizard import Wizard
from app.notices import Alert
from app.talk.chat import Chat
from app.threads.failure import Failure
from tests.app.models.conftest import POCKET
from tests.app.plain import HOSTILE, IN_FILE, everything, shown


def test_the_pages_of_the_wizard(wizard: Wizard, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: a picture in a model's name that is opened, and an & that becomes a key to press."""
    offers: list[Offer] = []
    library.survey(4096).finished.connect(lambda survey: offers.extend(survey.offers))
    qtbot.waitUntil(lambda: bool(offers))
    verdict = replace(offers[0].verdict, sentence=HOSTILE)
    offer = replace(offers[0], title=HOSTILE, good_for=HOSTILE, licences=(HOSTILE,), verdict=verdict)
    card = OfferCard(offer, recommended=True)
    qtbot.addWidget(card)
    for alert in wizard.findChildren(Alert):
        alert.tell(Failure(HOSTILE, HOSTILE, kind="missing"))
    line = DownloadLine(library.downloads)
    qtbot.addWidget(line)
    line.resize(900, 30)
    view = DownloadCard(library.downloads, HOSTILE, HOSTILE)
    qtbot.addWidget(view)
    files = (FileProgress(HOSTILE, HOSTILE, 2, 1, "downloading"),)
    library.downloads._downloads.events.put(Progress(HOSTILE, "failed", HOSTILE, HOSTILE, files=files))
    library.downloads._hear()
    line.refresh()
    confirm(wizard, HOSTILE, HOSTILE, yes="Yes", no="No", act=lambda: None)
    said = shown(everything())
    assert said.count(HOSTILE) > len(wizard.pageIds()) + 8
    assert f"Download: {HOSTILE} · " in shown([line])


def test_the_models_there_are(qtbot: QtBot, library: ModelLibrary, chat: Chat, tmp_path: Path) -> None:
    """Guards: the same of a folder that is imported, its row, its question before it is deleted, its trouble."""
    source = tmp_path / "stick" / IN_FILE
    shutil.copytree(POCKET, source)
    page = LibraryPage(library, chat)
    qtbot.addWidget(page)
    page.show()
    page.take_in(source)
    qtbot.waitUntil(lambda: page.table.topLevelItemCount() == 1 and page.take.isEnabled())
    page.downloads.show_progress(Progress(HOSTILE, "failed", HOSTILE, HOSTILE))
    page.task_status.complain(Failure(HOSTILE, HOSTILE, kind="missing"))
    page.deletion.ask(HOSTILE, None)
    page.ask_name()
    said = shown(everything())
    assert f"Delete {HOSTILE} from disk?" in said
    assert HOSTILE in said
