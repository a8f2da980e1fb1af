"""Choosing a model: what is seen, what is said, and what the keyboard reaches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget, QWizard
from pytestqt.qtbot import QtBot

from app.look.label import Label
from app.models.library import ModelLibrary, Progress
from app.models.library.task import Task
from app.models.wizard.hub_search import EMPTY
from app.models.wizard.model_page import ModelPage
from app.models.wizard.offer_card import OfferCard
from app.models.wizard.wizard import Wizard
from app.models.wizard.wizard_page import ORDER
from app.threads.failure import Failure
from engine.library.protocol import State
from tests.app.models.conftest import answer, checkpoint
from tests.engine.library.conftest import MemoryKeyring
from tests.engine.library.hub import FakeHub


@pytest.fixture
def sets(wizard: Wizard, qtbot: QtBot) -> ModelPage:
    wizard.next()
    qtbot.waitUntil(lambda: bool(wizard.model_page.cards))
    return wizard.model_page


def card(sets: ModelPage, name: str) -> OfferCard:
    return next(card for card in sets.cards if card.offer.name == name)


def step(wizard: Wizard) -> str:
    return ORDER[wizard.currentId()]


def in_sight(sets: ModelPage, shown: QWidget) -> bool:
    top = shown.mapTo(sets.area.viewport(), QPoint(0, 0)).y()
    return top >= 0 and top + min(shown.height(), 40) <= sets.area.viewport().height()


def test_what_was_found_is_seen(sets: ModelPage, hub: FakeHub, qtbot: QtBot) -> None:
    """Guards against a look-up whose result is out of sight, with not a word that there is one."""
    hub.publish("ada/tiny", checkpoint(1))
    sets.area.verticalScrollBar().setValue(sets.area.verticalScrollBar().maximum())
    sets.address.setText("ada / tiny")
    sets.search.look_up()
    qtbot.waitUntil(lambda: sets.cards[0].offer.name == "ada/tiny")
    qtbot.waitUntil(lambda: in_sight(sets, sets.cards[0]))
    assert sets.status.isVisible()
    assert sets.status.text().startswith("Found ada/tiny")
    assert sets.cards[0].property("chosen") is True
    assert sum(each.property("chosen") is True for each in sets.cards) == 1


def test_nothing_to_look_up_is_said_in_place_of_an_old_error(sets: ModelPage, hub: FakeHub, qtbot: QtBot) -> None:
    """Guards against an error that stays and belongs to something typed before, and against silence."""
    sets.address.setText("no model")
    sets.search.look_up()
    qtbot.waitUntil(sets.alert.isVisible)
    sets.address.clear()
    sets.search.look_up()
    assert sets.alert.sentence.text() == EMPTY.sentence
    assert sets.address.hasFocus() or sets.focusWidget() is sets.address


def test_a_look_up_that_hangs_can_be_stopped(
    sets: ModelPage, library: ModelLibrary, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Guards against half a minute of waiting for a Hub that does not answer, and an answer nobody wants any more."""
    hanging = Task(lambda: None)
    monkeypatch.setattr(library, "inspect", lambda *_: hanging)
    sets.address.setText("ada/tiny")
    sets.search.look_up()
    assert sets.halt.isVisible()
    sets.halt.click()
    assert not sets.halt.isVisible()
    assert sets.ask_hub.isEnabled()
    assert "Stopped" in sets.status.text()
    hanging.failed.emit(Failure("Too late."))
    assert not sets.alert.isVisible()
    qtbot.waitUntil(lambda: hanging.ended)


def test_the_keyboard_comes_to_the_choices_first_and_rests_on_next(wizard: Wizard, sets: ModelPage) -> None:
    """Guards against the point of the page at the end of the order, and a length changed by chance."""
    assert wizard.focusWidget() is wizard.button(QWizard.WizardButton.NextButton)
    order: list[QWidget] = []
    at = sets.context.nextInFocusChain()
    while at is not None and at is not sets.context:
        order.append(at)
        at = at.nextInFocusChain()
    assert order.index(sets.cards[0].choice) < order.index(sets.cards[-1].choice) < order.index(sets.address)
    before = sets.plan.context
    turn = QWheelEvent(
        QPointF(5, 5),
        QPointF(sets.context.mapToGlobal(QPoint(5, 5))),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(sets.context, turn)
    assert sets.plan.context == before
    assert f"{before:,}" in sets.context.currentText()


def test_what_does_not_fit_is_not_downloaded_unasked(
    wizard: Wizard, sets: ModelPage, room: Callable[[float], None], qtbot: QtBot
) -> None:
    """Guards against 21 GB for a model that cannot be loaded here."""
    room(6)
    wizard.model_page.initializePage()
    qtbot.waitUntil(lambda: card(sets, "qwen3-8b").offer.verdict.answer == "no")
    card(sets, "qwen3-8b").choice.setChecked(True)
    button = wizard.button(QWizard.WizardButton.NextButton)
    button.click()
    assert "this machine has" in answer(sets, "Choose another")
    assert step(wizard) == "model"
    button.click()
    answer(sets, "Download it all the same")
    assert step(wizard) == "folder"


def test_where_nothing_fits_it_is_said_and_next_is_explained(
    wizard: Wizard, sets: ModelPage, room: Callable[[float], None], qtbot: QtBot
) -> None:
    """Guards against a dozen cards that do not fit, a grey Next, and no word about either."""
    room(0.2)
    sets.plan.offer = None
    sets.initializePage()
    qtbot.waitUntil(sets.none.isVisible)
    assert "None of these fits" in sets.none.text()
    assert "Choose one" in sets.none.text()
    assert not wizard.button(QWizard.WizardButton.NextButton).isEnabled()
    sets.cards[0].choice.setChecked(True)
    assert "Choose one" not in sets.none.text()
    assert wizard.button(QWizard.WizardButton.NextButton).isEnabled()


def test_what_begins_and_ends_beside_the_page_is_seen_on_it(
    wizard: Wizard, sets: ModelPage, library: ModelLibrary, qtbot: QtBot
) -> None:
    """Guards: a card that says nothing of its download, and a focus or a place in the list lost where it says so."""
    downloads = library.downloads
    last = sets.cards[-1].offer.name
    chosen = sets.cards[0].offer.name

    def told() -> set[str]:
        return {tag.text() for tag in card(sets, last).findChildren(Label)}

    bar = sets.area.verticalScrollBar()
    bar.setValue(bar.maximum())
    card(sets, last).choice.setFocus()
    at = bar.value()
    states: list[tuple[State, bool]] = [("downloading", True), ("paused", False)]
    for state, shown in states:
        before = card(sets, last)
        downloads._downloads.events.put(Progress(last, state, ""))
        downloads._hear()

        def another(before: OfferCard = before) -> bool:
            return card(sets, last) is not before

        qtbot.waitUntil(another)
        assert ("Being downloaded" in told()) is shown
        assert wizard.focusWidget() is card(sets, last).choice
        qtbot.waitUntil(lambda: bar.value() == at)
        assert next(each.offer.name for each in sets.cards if each.choice.isChecked()) == chosen
    wizard.next()  # and one that begins while another page is shown
    downloads._downloads.events.put(Progress(last, "waiting", ""))
    downloads._hear()
    assert "Being downloaded" not in told()
    wizard.back()
    qtbot.waitUntil(lambda: "Being downloaded" in told())


def test_only_the_latest_survey_is_shown(sets: ModelPage, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards against verdicts for a length that was set before the present one, which arrive later."""
    seen: list[object] = []
    first = library.survey(4096)
    first.finished.connect(seen.append)
    qtbot.waitUntil(lambda: bool(seen))
    tasks: list[Task] = []

    def survey(_: int) -> Task:
        tasks.append(Task(lambda: seen[0]))
        return tasks[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "survey", survey)
        sets.context.chosen.emit(8192)
        sets.context.chosen.emit(16384)
    shown = sets.cards
    tasks[0].finished.emit(seen[0])
    assert sets.cards is shown
    tasks[1].finished.emit(seen[0])
    assert sets.cards is not shown
    qtbot.waitUntil(lambda: all(task.ended for task in tasks))


def test_a_gated_model_by_name_leads_to_the_sign_in(
    wizard: Wizard, sets: ModelPage, hub: FakeHub, memory_keyring: MemoryKeyring, qtbot: QtBot
) -> None:
    """Guards against "sign in" with no place to do it."""
    hub.publish("ada/secret", checkpoint(3), gated=True, members=frozenset({"ada"}))
    sets.address.setText(f"{hub.address}/ada/secret")
    sets.search.look_up()
    qtbot.waitUntil(sets.sign_in.isVisible)
    sets.sign_in.click()
    access = wizard.licence_page
    assert step(wizard) == "licence"
    qtbot.waitUntil(lambda: "Not signed in" in access.status.text())
    assert not access.isComplete()
    access.token.setText("hf_good")
    access.sign_in()
    qtbot.waitUntil(wizard.button(QWizard.WizardButton.NextButton).isEnabled)
    assert wizard.plan.name == "ada/secret"
    wizard.next()
    assert step(wizard) == "folder"
    wizard.back()
    wizard.back()
    qtbot.waitUntil(lambda: sets.cards[0].offer.name == "ada/secret")
    assert sets.cards[0].choice.isChecked()
    assert wizard.plan.asked == ""


def test_a_drafter_is_had_with_its_set_where_that_is_wanted(sets: ModelPage, qtbot: QtBot) -> None:
    """Guards: gigabytes fetched for nothing where there is no GPU, a figure given as our own, a choice forgotten."""
    llama = card(sets, "llama-8b-nf4")
    assert llama.drafter.isVisible()
    assert not llama.drafter.isChecked(), "there is no GPU"
    said = " ".join(each.text() for each in llama.findChildren(Label))
    assert "published by Red Hat, on GPUs; on a processor nobody has measured it" in said
    assert not card(sets, "smollm2").drafter.isVisible()
    before = llama.offer.download
    llama.drafter.click()
    chosen = sets.plan.offer
    assert chosen is not None
    assert (chosen.name, chosen.download > before) == ("llama-8b-nf4", True)
    assert chosen.wanted[-1].role == "head"
    sets.initializePage()
    qtbot.waitUntil(lambda: card(sets, "llama-8b-nf4") is not llama)
    assert card(sets, "llama-8b-nf4").drafter.isChecked()
    assert sets.plan.offer is not None
    assert sets.plan.offer.wanted[-1].role == "head"
    card(sets, "llama-8b-nf4").drafter.click()
    assert sets.plan.offer.download == before
