"""The window around the conversation: pickers, panel, themes, accessibility, the way out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QDialogButtonBox,
    QProgressBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.application import UNSEEN
from app.look.palette import DARK, LIGHT, Palette, contrast
from app.models.topbar import ActionButton
from engine.config import PRESETS, ModelSet
from tests.app.scripted import Opener, ScriptedSession, endless
from tests.app.stage import Ask, Start


def test_importing_the_window_leaves_torch_alone() -> None:
    """Guards: a window that appears only after seconds of imports."""
    code = "import sys, app.window, app.__main__; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_none_keeps_its_references(qtbot: QtBot) -> None:
    """Guards: a PySide release that loses a reference to None with every call and aborts in the end (PYSIDE-3474)."""
    widget = QWidget()
    qtbot.addWidget(widget)
    before = sys.getrefcount(None)
    for _ in range(1000):
        widget.update()
    assert sys.getrefcount(None) > before - 50


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_text_and_marks_can_be_read(palette: Palette) -> None:
    """Guards: a colour that looks fine on one screen and cannot be read on another."""
    marks = ("text", "muted", "target", "intermediate", "draft", "lookup", "rejected")
    for name in marks:
        for surface in palette.surfaces:
            assert contrast(getattr(palette, name), surface) >= 4.5, (name, surface)
    assert contrast(palette.text, palette.bubble) >= 4.5
    assert contrast(palette.on_accent, palette.target) >= 4.5


def test_contrast_is_the_known_formula() -> None:
    """Guards: a contrast test that measures something else."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_presets_without_their_models_are_disabled(start: Start) -> None:
    """Guards: a hierarchy offered that the model set cannot run, or refused without a reason."""
    running = start(ModelSet.alone("Bare", Path("target")))
    presets = running.window.topbar.presets
    enabled = {name for name, action in presets.items() if action.isEnabled()}
    assert enabled == {"auto", "plain", "lookup", "hispec"}
    assert "It needs a small draft model and a middle model, which Bare lacks." in presets["hsd"].toolTip()
    lacks = "It needs a drafting head made for this model, which Bare lacks. You can add one in Models."
    assert lacks in presets["head"].toolTip()
    assert presets["hsd"].text() == "HSD\tneeds a small draft model and a middle model"
    assert presets["plain"].text() == f"Plain\t{PRESETS['plain'].summary}"
    assert presets["pyramid"].iconText() == "Pyramid · lossy"
    bar = running.window.topbar
    assert "Pyramid · lossy" in [offer.title for offer in bar.method.methods.offers]
    menu = bar.models.menu()
    assert menu is not None
    assert menu.toolTipsVisible()


@pytest.mark.parametrize("size", [14, 20, 32])
def test_the_row_above_is_never_cut_off(start: Start, qtbot: QtBot, size: int) -> None:
    """Guards: the last hierarchy clipped in a window a little too narrow for all, or in larger text."""
    running = start()
    bar = running.window.topbar
    running.preferences.change(font_size=size)
    folded = set()

    def fits() -> None:
        for button in (*bar.findChildren(ActionButton), bar.sampling, bar.models, bar.method):
            if button.isVisible():
                assert button.width() >= button.sizeHint().width(), (bar.width(), button.text())

    for width in range(2200, 450, -70):
        running.window.resize(width, 700)
        qtbot.waitUntil(fits)
        assert bar.views is not None
        folded.add(bar.views.isHidden())
    assert folded == {True, False}


def test_a_preset_the_new_models_cannot_run_is_left(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: HSD still chosen after switching to a set without a qualifier."""
    running = start()
    running.window.topbar.presets["hsd"].trigger()
    running.window.picker.open_folder(tmp_path)
    assert running.chat.preset.name == "plain"
    assert running.window.topbar.presets["plain"].isChecked()


def test_themes_switch_at_once_and_are_remembered(start: Start, qapp: QApplication) -> None:
    """Guards: a theme that needs a restart, or that is forgotten by one."""
    running = start()
    running.window.themes["dark"].trigger()
    assert running.theme.palette is DARK
    assert qapp.palette().window().color().name() == DARK.background
    assert DARK.card in qapp.styleSheet()
    running.window.themes["light"].trigger()
    assert qapp.palette().window().color().name() == LIGHT.background
    assert start().theme.palette is LIGHT


def test_the_panel_is_a_drawer_where_there_is_no_room(start: Start, qtbot: QtBot) -> None:
    """Guards: a panel that squeezes the conversation, or that cannot be reached in a narrow window."""
    running = start()
    window, panel = running.window, running.window.panel
    assert panel.isVisible()
    wide = window.transcript.width()
    window.panel_shown.trigger()
    assert not panel.isVisible()
    assert window.transcript.width() > wide
    window.panel_shown.trigger()
    window.resize(700, 600)
    qtbot.waitUntil(lambda: not panel.isVisible())
    assert not window.panel_shown.isChecked()
    window.panel_shown.trigger()
    assert panel.isVisible()
    assert window.transcript.width() == window.columns.width()
    toggle = window.topbar.mapTo(window.columns, window.topbar.rect().bottomRight())
    assert panel.geometry().top() >= toggle.y()  # what opened the drawer can close it
    window.resize(1200, 700)
    qtbot.waitUntil(lambda: panel.isVisible() and window.transcript.width() < window.columns.width())
    window.resize(700, 600)
    qtbot.waitUntil(lambda: not panel.isVisible())


def test_the_panel_shows_the_levels_from_the_top(start: Start, ask: Ask) -> None:
    """Guards: figures of one level on another's card."""
    running = start()
    ask(running, "Hi")
    panel = running.window.panel
    assert [card.title.text() for card in panel.cards] == ["Guesser", "Checker", "Big model"]
    tops = [card.mapTo(panel, card.rect().topLeft()).y() for card in panel.cards]
    assert tops == sorted(tops, reverse=True)
    tally = running.chat.flight.tally
    target = tally.levels[-1]
    assert panel.cards[-1].counts.text().startswith(f"{target.stood} of {target.offered} kept")
    assert panel.pace.verdict.text() == "about 1.6× (± 0.1) plain decoding"
    assert "would have taken" in panel.pace.outcome.text()


def test_every_control_has_a_name(start: Start, ask: Ask) -> None:
    """Guards: buttons a screen reader can only call "button"."""
    running = start()
    ask(running, "Hi")
    kinds = (QAbstractButton, QAbstractSpinBox, QTextEdit, QProgressBar)
    controls = [w for w in running.window.findChildren(QWidget) if isinstance(w, kinds)]
    assert len(controls) > 15
    own = [w for w in controls if w.metaObject().className() != "QLineEditIconButton"]  # Qt's, within a field
    nameless = [w for w in own if not w.accessibleName() and not w.objectName().startswith("qt_")]
    assert not nameless


def test_an_example_is_one_click_away(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a welcome page that stays, or whose questions go nowhere."""
    running = start()
    welcome = running.window.transcript.welcome
    assert welcome.isVisible()
    with qtbot.waitSignal(running.chat.answered):
        welcome.buttons[0].click()
    assert session.asked == [(("user", welcome.buttons[0].text()),)]
    assert not welcome.isVisible()
    running.window.menus.actions["New chat"].trigger()
    assert welcome.isVisible()
    assert running.window.transcript.answers == []


def test_closing_while_an_answer_runs(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a thread that outlives its window, a session left open."""
    session.play, session.delay = (lambda _: endless()), 0.003
    running = start()
    running.chat.send("Count.")
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 3)
    running.window.close()
    assert running.end()
    assert running.thread.isFinished()
    assert session.closed
    assert session.cut == 1


def test_closing_while_the_model_loads(start: Start, qtbot: QtBot, opener: Opener, session: ScriptedSession) -> None:
    """Guards: a program that cannot be left before a large model has loaded."""
    opener.steps, opener.delay = 10_000, 0.002
    running = start(wait=False)
    qtbot.waitUntil(lambda: running.window.footer.loading.label.text().startswith("Loading"))
    running.window.close()
    assert running.end()
    assert opener.opened == []


@pytest.mark.parametrize("change", [{"room": 4096}, {"threads": 2}])
def test_what_holds_for_a_loaded_model_loads_it_anew(
    start: Start, qtbot: QtBot, opener: Opener, change: dict[str, int]
) -> None:
    """Guards: a setting that only holds after the program was started again, with nothing that says so."""
    running = start()
    assert len(opener.opened) == 1
    running.preferences.change(**change)
    qtbot.waitUntil(lambda: len(opener.opened) == 2 and running.chat.engine.value != "loading")


def test_what_was_chosen_is_remembered(start: Start, settings: QSettings, qtbot: QtBot) -> None:
    """Guards: preset, marks and panel forgotten between starts."""
    first = start()
    first.window.topbar.presets["lookup"].trigger()
    first.window.highlight.trigger()
    first.window.panel_shown.trigger()
    first.preferences.change(send_key="ctrl")
    assert first.window.composer.button.toolTip() == "Send (Ctrl+Enter)"
    first.window.close()
    second = start()
    assert second.window.composer.field.send_key == "ctrl"
    assert second.chat.preset.name == "lookup"
    assert not second.window.highlight.isChecked()
    assert not second.window.panel.isVisible()


def test_tab_reaches_the_controls_in_order(start: Start, qtbot: QtBot) -> None:
    """Guards: controls that only a mouse can reach."""
    running = start()
    window = running.window
    window.activateWindow()
    window.composer.field.setFocus()
    window.composer.field.setPlainText("x")
    seen: list[str] = []
    for _ in range(30):
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused.accessibleName() in seen:
            break
        seen.append(focused.accessibleName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    foot = ["Trash", "Settings"]
    for name in ("Your question", "Send", *foot):
        assert name in seen
    assert [name for name in seen if name in foot] == foot  # downwards
    row = ["Model", "Method", "Reading", "Trace", "Sampling", "Speculation"]
    assert [name for name in seen if name in row] == row  # as they stand


def test_closing_before_the_window_was_seen(start: Start, qtbot: QtBot, opener: Opener) -> None:
    """Guards: an engine that starts after the end, because it was to wait for the first picture."""
    running = start(wait=False)
    running.window.close()
    assert running.end()
    qtbot.wait(UNSEEN + 100)
    assert not running.thread.isRunning()
    assert opener.opened == []


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # a popup without a display
def test_after_a_choice_in_a_menu_the_keyboard_is_in_the_composer(start: Start, qtbot: QtBot) -> None:
    """Guards: a model chosen, and the question typed next going nowhere."""
    running = start()
    window = running.window
    window.activateWindow()
    window.topbar.models.setFocus()
    menu = window.topbar.models.menu()
    assert menu is not None
    menu.actions()[0].trigger()
    assert window.composer.field.hasFocus()
    window.topbar.method.open()
    QTest.keyClick(window.topbar.method.methods.rows, Qt.Key.Key_Return)
    assert window.composer.field.hasFocus()


def test_no_standard_button_has_an_icon(start: Start) -> None:
    """Guards: the desktop's black cross before "Close", hardly to be seen in the dark."""
    running = start()
    for dialog in (running.window.dialogs.settings(), running.window.dialogs.about()):
        buttons = [button for box in dialog.findChildren(QDialogButtonBox) for button in box.buttons()]
        assert buttons
        assert all(button.icon().isNull() for button in buttons)
        dialog.close()


def test_the_library_takes_the_place_of_what_was_remembered(start: Start, tmp_path: Path) -> None:
    """Guards: one model listed twice, as it was used last and as it is now."""
    running = start(ModelSet.alone("Mine", tmp_path))
    running.window.picker.offer([ModelSet("Mine", {"target": tmp_path, "draft": tmp_path})])
    menu = running.window.topbar.models.menu()
    assert menu is not None
    listed = [action for action in menu.actions() if action.isCheckable()]
    assert [(action.text(), action.isChecked()) for action in listed] == [("Mine", True)]
    assert "<br>" not in listed[0].toolTip()
    mine = ModelSet("Mine", {"target": tmp_path, "draft": tmp_path})
    running.window.picker.offer([mine], None, {tmp_path: "About 2 tokens a second."})
    running.window.picker.show()
    assert "About 2 tokens a second." in running.window.topbar.models.menu().actions()[0].toolTip()
