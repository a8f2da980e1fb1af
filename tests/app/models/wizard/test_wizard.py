"""The wizard's pages, one trouble at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTextEdit,
    QTreeWidget,
    QWizard,
)
from pytestqt.qtbot import QtBot

from app.models.download_card import DownloadCard
from app.models.library import Connection, ModelLibrary, Offer, Wanted
from app.models.wizard.trial import Trial
from app.models.wizard.wizard import Wizard
from app.models.wizard.wizard_page import ORDER
from app.talk.chat import Chat
from engine.config import models_in
from engine.library import Library
from tests.app.models.conftest import FAMILY, POCKET, answer, checkpoint, open_library
from tests.engine.library.conftest import FAST, MemoryKeyring
from tests.engine.library.hub import FakeHub, Fault

WEIGHTS = "model.safetensors"
GATED = "facebook/layerskip-llama3.2-1B"


def step(wizard: Wizard) -> str:
    return ORDER[wizard.currentId()]


@pytest.fixture
def go(wizard: Wizard, qtbot: QtBot) -> Callable[..., None]:
    """Walk to a page by way of one set of the catalogue."""

    def walk(page: str, name: str = "smollm2") -> None:
        wizard.next()
        qtbot.waitUntil(lambda: bool(wizard.model_page.cards))
        next(card for card in wizard.model_page.cards if card.offer.name == name).choice.setChecked(True)
        button = wizard.button(QWizard.WizardButton.NextButton)
        while step(wizard) != page:
            qtbot.waitUntil(button.isEnabled)
            button.click()

    return walk


def test_every_control_has_a_name_and_the_keyboard(wizard: Wizard) -> None:
    """Guards: a control that a screen reader cannot say, or that Tab never reaches."""
    kinds = (QAbstractButton, QLineEdit, QComboBox, QProgressBar, QTextEdit, QTreeWidget)
    for page in (wizard.page(at) for at in wizard.pageIds()):
        for control in [found for kind in kinds for found in page.findChildren(kind)]:
            named = control.accessibleName() or (isinstance(control, QAbstractButton) and control.text())
            assert named, (type(page).__name__, control)
            if not isinstance(control, QProgressBar):
                assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control


def test_skipping_is_possible_on_every_page(wizard: Wizard, go: Callable[..., None], qtbot: QtBot) -> None:
    """Guards: a wizard that has to be finished before anybody may chat."""
    for page in ("machine", "model", "folder"):
        if page == "model":
            go("model")
        elif page == "folder":
            qtbot.waitUntil(wizard.button(QWizard.WizardButton.NextButton).isEnabled)
            wizard.next()
        assert step(wizard) == page
        assert wizard.button(QWizard.WizardButton.CancelButton).isEnabled()
    with qtbot.waitSignal(wizard.left):
        QTest.keyClick(wizard, Qt.Key.Key_Escape)


def test_a_gated_set_asks_for_a_token_and_checks_it_at_once(
    wizard: Wizard, go: Callable[..., None], hub: FakeHub, memory_keyring: MemoryKeyring, qtbot: QtBot, tmp_path: Path
) -> None:
    """Guards: a token that is only found bad after gigabytes, or one that lands in a file."""
    hub.publish(GATED, checkpoint(7), gated=True, members=frozenset({"ada"}))
    go("licence", "layerskip-1b")
    access = wizard.licence_page
    qtbot.waitUntil(lambda: "Not signed in" in access.status.text())
    button = wizard.button(QWizard.WizardButton.NextButton)
    assert not button.isEnabled()
    assert f"Page and licence of {GATED}…" in {each.text() for each in access.findChildren(QPushButton)}

    access.token.setText("hf_wrong")
    QTest.keyClick(access.token, Qt.Key.Key_Return)
    qtbot.waitUntil(access.alert.isVisible)
    assert not memory_keyring.kept, "a refused token was kept"
    assert step(wizard) == "licence", "Enter in the field turned the page"

    access.token.setText("hf_stranger")  # an account that has not accepted the licence
    access.sign_in()
    qtbot.waitUntil(lambda: "no access" in access.alert.sentence.text())
    assert not button.isEnabled()

    access.token.setText("hf_good")
    access.sign_in()
    qtbot.waitUntil(button.isEnabled)
    assert not access.token.text(), "the token stays readable in its field"
    assert list(memory_keyring.kept.values()) == ["hf_good"]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hf_good" not in path.read_bytes(), path


def test_signing_in_by_browser(
    wizard: Wizard,
    go: Callable[..., None],
    hub: FakeHub,
    memory_keyring: MemoryKeyring,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Guards against a code nobody sees, a page opened again and again, and a sign-in that cannot be given up."""
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    hub.publish(GATED, checkpoint(7), gated=True, members=frozenset({"ada"}))
    go("licence", "layerskip-1b")
    access = wizard.licence_page
    access.browser.click()
    qtbot.waitUntil(access.code.isVisible, timeout=10_000)
    access.halt.click()
    qtbot.waitUntil(access.browser.isEnabled)
    assert not access.code.isVisible()
    assert not memory_keyring.kept
    access.browser.click()
    qtbot.waitUntil(access.code.isVisible, timeout=10_000)
    assert access.code.text() == "ABCD-1234"
    hub.confirmation = ""
    qtbot.waitUntil(wizard.button(QWizard.WizardButton.NextButton).isEnabled, timeout=10_000)
    assert opened == [f"{hub.address}/device"] * 2, "once for each sign-in"
    assert access.out.isVisible()


def test_any_repository_is_looked_at_before_a_byte_of_weights(wizard: Wizard, hub: FakeHub, qtbot: QtBot) -> None:
    """Guards: gigabytes fetched of something Updraft cannot run; a pasted address that is not understood."""
    hub.publish("ada/tiny", checkpoint(1))
    hub.publish("ada/mamba", checkpoint(2, family="mamba"))
    wizard.next()
    sets = wizard.model_page
    sets.address.setText("ada/mamba")
    QTest.keyClick(sets.address, Qt.Key.Key_Return)
    qtbot.waitUntil(sets.alert.isVisible)
    assert "mamba" in sets.alert.sentence.text()
    assert hub.bytes_served(WEIGHTS) == 0
    qtbot.waitUntil(sets.ask_hub.isEnabled)
    sets.address.setText(f"{hub.address}/ada/tiny/tree/main")
    sets.search.look_up()
    qtbot.waitUntil(lambda: bool(sets.cards) and sets.cards[0].offer.title == "ada/tiny")
    assert sets.cards[0].choice.isChecked()
    assert not sets.alert.isVisible()
    assert wizard.plan.offer is not None
    assert wizard.plan.offer.wanted == (Wanted("target", "ada/tiny", hub.repositories["ada/tiny"].main),)
    assert sets.isComplete()


def test_a_download_is_paused_resumed_and_cancelled(
    wizard: Wizard, go: Callable[..., None], hub: FakeHub, library: ModelLibrary, qtbot: QtBot
) -> None:
    """Guards: buttons that do not do what they say, bytes lost by a pause, leftovers after a cancel."""
    hub.faults += [Fault("slow", WEIGHTS, at=1_000_000)]
    go("download")
    job = wizard.download_page.job
    assert job is not None
    qtbot.waitUntil(lambda: "/s" in job.figures.text(), timeout=10_000)
    job.pause.click()
    qtbot.waitUntil(lambda: job.state_label.text() == "Paused")
    assert job.pause.text() == "Resume"
    had = library.downloads.jobs[0].have
    assert had > 0
    hub.faults += [Fault("stall", WEIGHTS, at=0, times=99)]
    seen: list[str] = []
    library.downloads.progressed.connect(lambda _: seen.append(f"{job.state_label.text()}: {job.say.text()}"))
    job.pause.click()
    qtbot.waitUntil(lambda: any(text.startswith("Nothing arrives: N") for text in seen), timeout=10_000)
    qtbot.waitUntil(lambda: library.downloads.jobs[0].have >= had, timeout=10_000)  # a pause loses nothing
    assert not wizard.download_page.isComplete()
    job.cancel.click()
    answer(job, "Go on with it")
    assert job.state != "cancelled"
    job.cancel.click()
    assert "deleted" in answer(job, "Cancel and delete")
    qtbot.waitUntil(lambda: job.state_label.text() == "Cancelled")
    qtbot.waitUntil(lambda: not list(library.folder.rglob("*.safetensors*")), timeout=20_000)  # by its own process
    assert not job.figures.isVisible()
    hub.faults.clear()
    assert job.pause.text() == "Start again"
    job.pause.click()
    qtbot.waitUntil(wizard.download_page.isComplete, timeout=20_000)


def test_a_model_that_is_gone_ends_in_a_sentence(
    wizard: Wizard, go: Callable[..., None], hub: FakeHub, qtbot: QtBot
) -> None:
    """Guards: a wrong name in the catalogue that ends in an exception, or in a wait without end."""
    del hub.repositories[f"HuggingFaceTB/{FAMILY[0]}"]
    go("download")
    job = wizard.download_page.job
    assert job is not None
    qtbot.waitUntil(lambda: job.state == "failed", timeout=10_000)
    assert FAMILY[0] in job.say.text()
    assert job.hint.text()
    assert job.pause.text() == "Resume"


def test_an_imported_folder_is_a_model(wizard: Wizard, library: ModelLibrary, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: models brought on a stick that cannot be used or tried; something else that is copied first."""
    wizard.next()
    qtbot.waitUntil(lambda: bool(wizard.model_page.cards))
    wizard.model_page.take_in(tmp_path)
    qtbot.waitUntil(wizard.model_page.alert.isVisible)
    qtbot.waitUntil(wizard.model_page.folder.isEnabled)
    with qtbot.waitSignal(library.listed, check_params_cb=lambda listing: bool(listing.sets)) as listed:
        wizard.model_page.take_in(POCKET)
    assert listed.args is not None
    assert listed.args[0].sets["local/draft"].name == "draft"
    assert not wizard.model_page.alert.isVisible()
    assert "no checksums" in wizard.model_page.status.text()
    qtbot.waitUntil(lambda: wizard.plan.name == "local/draft")
    assert ORDER[wizard.model_page.after()] == "trial", "what is there would be downloaded"


def test_an_import_can_be_stopped(wizard: Wizard, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: a wrong folder of 16 GB that has to be read to its end."""
    wizard.next()
    assert not wizard.model_page.halt.isVisible()
    wizard.model_page.take_in(POCKET)
    wizard.model_page.halt.click()
    qtbot.waitUntil(lambda: "stopped" in wizard.model_page.status.text())
    assert not wizard.model_page.halt.isVisible()
    assert wizard.model_page.folder.isEnabled()
    assert not list(library.folder.rglob("*.json"))


def test_a_full_disk_is_said_and_waited_for(
    qtbot: QtBot, hub: FakeHub, tmp_path: Path, memory_keyring: MemoryKeyring
) -> None:
    """Guards: a download that ends on a full disk without a word, or begins anew once there is room."""
    home, endpoint = tmp_path / "here", Connection(endpoint=hub.address)
    full = ModelLibrary(Library(home / "models", home / "library.json"), endpoint, FAST, spare=1 << 60)
    view = DownloadCard(full.downloads, "smollm2")
    qtbot.addWidget(view)
    offers: list[Offer] = []
    full.survey(4096).finished.connect(lambda survey: offers.extend(survey.offers))
    qtbot.waitUntil(lambda: bool(offers))
    assert full.downloads.get(next(offer for offer in offers if offer.name == "smollm2")) is None
    qtbot.waitUntil(lambda: view.state == "failed", timeout=10_000)
    assert "no room" in view.say.text()
    assert view.hint.text().endswith(f"press “{view.pause.text()}”.")
    assert hub.bytes_served(WEIGHTS) == 0
    full.close()
    roomy = ModelLibrary(Library(home / "models", home / "library.json"), endpoint, FAST, spare=0)
    view = DownloadCard(roomy.downloads, "smollm2")
    qtbot.addWidget(view)
    roomy.downloads.go_on()
    qtbot.waitUntil(lambda: view.state == "paused")
    view.pause.click()
    qtbot.waitUntil(lambda: view.state == "done", timeout=10_000)
    roomy.close()


def test_a_drive_that_goes_while_downloading(
    wizard: Wizard, go: Callable[..., None], hub: FakeHub, library: ModelLibrary, qtbot: QtBot, tmp_path: Path
) -> None:
    """Guards: a drive pulled half way that ends in a traceback, a new folder in its place, or bytes fetched twice."""
    hub.faults += [Fault("slow", WEIGHTS, at=500_000)]
    go("download")
    job = wizard.download_page.job
    assert job is not None
    qtbot.waitUntil(lambda: "/s" in job.figures.text(), timeout=10_000)
    away = library.folder.rename(tmp_path / "unplugged")
    job.pause.click()
    qtbot.waitUntil(lambda: job.state == "paused")
    kept = next(away.rglob("*.part")).stat().st_size
    job.pause.click()
    assert "is not there" in job.say.text()
    assert "Connect its drive" in job.hint.text()
    assert not library.folder.exists()
    wizard.back()
    qtbot.waitUntil(wizard.folder_page.alert.isVisible)
    assert not wizard.folder_page.isComplete()
    away.rename(library.folder)
    hub.faults.clear()
    library.look()
    qtbot.waitUntil(wizard.folder_page.isComplete)
    wizard.next()
    qtbot.waitUntil(wizard.download_page.isComplete, timeout=10_000)
    assert f"bytes={kept}-" in [headers.get("range") for _, _, headers in hub.asked("/blobs/")]


def test_a_trial_goes_unless_it_is_gone_on_with(chat: Chat) -> None:
    """Guards: a list of conversations full of trials; a conversation somebody cares for that goes with one."""
    chats = chat.current._archive.chats
    chat.send("Mine.")
    chat.stop()
    mine = chat.current.conversation.id
    trial = Trial(chat)
    for _ in range(2):  # the second is asked again
        trial.start(models_in(POCKET))
    assert len(chats) == 2
    trial.clear()
    assert list(chats) == [mine]
    assert not chat.current.conversation.messages or chat.current.conversation.id == mine
    trial.start(models_in(POCKET))
    chat.stop()
    assert chat.send("And what else?")
    trial.clear()
    assert len(chats) == 2
    assert chat.current.conversation.messages[-1].text == "And what else?"


def test_offline_is_said_and_kept(
    qtbot: QtBot, chat: object, tmp_path: Path, hub: FakeHub, memory_keyring: MemoryKeyring
) -> None:
    """Guards: a wizard that promises downloads while the switch is on, or makes a request all the same."""
    library = open_library(tmp_path, Connection(offline=True, endpoint=hub.address))
    wizard = Wizard(library, chat)  # type: ignore[arg-type]
    qtbot.addWidget(wizard)
    wizard.show()
    assert wizard.machine_page.offline.isVisible()
    wizard.next()
    qtbot.waitUntil(lambda: bool(wizard.model_page.cards))
    assert not wizard.model_page.address.isEnabled()
    assert not wizard.button(QWizard.WizardButton.NextButton).isEnabled()
    assert wizard.model_page.offline.isVisible(), "Next is grey without a reason"
    assert "HF_HUB_OFFLINE" in wizard.model_page.offline.sentence.text()
    assert not wizard.model_page.offline.go.isVisible(), "it cannot be switched off from here"
    assert wizard.model_page.folder.isEnabled(), "a folder needs no network"
    library.close()
    assert not hub.requests


def test_nothing_is_cut_off_in_large_text(wizard: Wizard, qtbot: QtBot) -> None:
    """Guards: steps that end in "This mac", and offers whose verdict is behind the edge."""
    wizard.setStyleSheet("* { font-size: 32px; }")
    wizard.next()
    qtbot.waitUntil(lambda: bool(wizard.model_page.cards) and wizard.model_page.cards[0].isVisible())

    def fits() -> None:
        for step_of in wizard.rail.steps:
            assert step_of.width() >= step_of.sizeHint().width(), step_of.text()
        for card in wizard.model_page.cards:
            assert card.width() <= wizard.model_page.area.viewport().width(), card.offer.title

    qtbot.waitUntil(fits)
