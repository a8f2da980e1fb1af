"""Signing in where there is no keyring, and where no browser opens."""

from __future__ import annotations

import keyring
import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWizard
from pytestqt.qtbot import QtBot

from app.models.library import DeviceCode, ModelLibrary
from app.models.wizard.licence_page import LicencePage
from app.models.wizard.wizard import Wizard
from app.models.wizard.wizard_page import ORDER, Plan
from engine.library import signin
from tests.app.models.conftest import FAMILY
from tests.engine.library.conftest import MemoryKeyring
from tests.engine.library.hub import FakeHub


@pytest.fixture
def page(qtbot: QtBot, library: ModelLibrary) -> LicencePage:
    made = LicencePage(library, Plan())
    qtbot.addWidget(made)
    made.show()
    return made


def test_without_a_keyring_a_token_holds_for_this_run(
    page: LicencePage, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Guards against a good token that cannot be used at all."""
    monkeypatch.setattr(keyring, "set_password", lambda *_: None)  # one that keeps nothing
    monkeypatch.setattr(signin, "_HERE", {})
    page.token.setText("hf_good")
    page.sign_in()
    qtbot.waitUntil(page.alert.isVisible)
    assert "no keyring" in page.alert.sentence.text()
    assert "this run only" in page.alert.hint.text()
    assert "this run only" in page.for_now.text().replace("&", "")
    page.for_now.setChecked(True)
    qtbot.waitUntil(page.keep.isEnabled)
    page.sign_in()
    qtbot.waitUntil(lambda: not page.token.text())
    assert signin.token() == "hf_good"


@pytest.mark.parametrize("opens", [True, False])
def test_the_page_to_confirm_on_is_named(page: LicencePage, monkeypatch: pytest.MonkeyPatch, opens: bool) -> None:
    """Guards against "the page that has opened" where none has, and no address to open it by hand."""
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: opens)
    page._wait_for(DeviceCode("https://example.org/device", "ABCD-1234", 60))
    assert ("No browser" in page.status.text()) is not opens
    for label, text in ((page.address, "https://example.org/device"), (page.code, "ABCD-1234")):
        assert label.isVisible()
        assert label.text() == text
        assert label.textInteractionFlags()


def test_a_download_that_is_refused_leads_to_the_sign_in(
    wizard: Wizard, hub: FakeHub, memory_keyring: MemoryKeyring, qtbot: QtBot
) -> None:
    """Guards against "sign in" under a download, on a page from which nobody gets to it."""
    hub.repositories[f"HuggingFaceTB/{FAMILY[2]}"].gated = True
    hub.repositories[f"HuggingFaceTB/{FAMILY[2]}"].members = frozenset({"ada"})
    button = wizard.button(QWizard.WizardButton.NextButton)
    wizard.next()
    qtbot.waitUntil(lambda: bool(wizard.model_page.cards))
    next(card for card in wizard.model_page.cards if card.offer.name == "smollm2-135m").choice.setChecked(True)
    wizard.next()
    qtbot.waitUntil(button.isEnabled)
    wizard.next()
    qtbot.waitUntil(wizard.download_page.sign_in.isVisible, timeout=10_000)
    wizard.download_page.sign_in.click()
    assert ORDER[wizard.currentId()] == "licence"
    wizard.licence_page.token.setText("hf_good")
    wizard.licence_page.sign_in()
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    wizard.next()
    qtbot.waitUntil(button.isEnabled)
    wizard.next()
    qtbot.waitUntil(wizard.download_page.isComplete, timeout=20_000)
    assert not wizard.download_page.sign_in.isVisible()
