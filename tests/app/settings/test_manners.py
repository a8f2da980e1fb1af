"""Desktop manners: menus, shortcuts, zoom, window place, diagnostics, licences, names and focus for everyone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, QSettings, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.desktop.placing import placed
from app.settings.preferences import Preferences
from app.window import Window
from tests.app.scripted import ScriptedSession, endless
from tests.app.stage import Ask, Start

CONTROLS = (QAbstractButton, QAbstractSpinBox, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit)


def inside_of_another(widget: QWidget) -> bool:
    """Tell whether ``widget`` is a part of one control, Qt's own business: the field of a spin box and the like."""
    parent = widget.parentWidget()
    while parent is not None and not parent.isWindow():
        if isinstance(parent, (QAbstractSpinBox, QAbstractItemView, QComboBox, QLineEdit)):
            return True
        parent = parent.parentWidget()
    return widget.objectName().startswith("qt_")


def complaints(window: QWidget) -> list[str]:
    """Return every enabled control of ``window`` that has no name or that no key reaches."""
    found = []
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, CONTROLS) or not widget.isVisibleTo(window) or not widget.isEnabled():
            continue
        if inside_of_another(widget) or widget.window() is not window:
            continue
        which = f"{type(widget).__name__} {widget.objectName()} “{getattr(widget, 'text', lambda: '')()}”"
        if not widget.accessibleName():
            found.append(f"{which} has no name")
        if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            found.append(f"{which} cannot be reached")
    return found


def test_every_window_can_be_heard_and_reached(start: Start, ask: Ask, qtbot: QtBot) -> None:
    """Guards: a control a screen reader cannot name or a keyboard cannot reach, in any window or dialog."""
    window = start().window
    assert complaints(window) == []
    ask_running(window, qtbot)
    for view in window.inspector.views.values():
        view.trigger()
        qtbot.wait(30)
        assert complaints(window) == []
    window.find_bar.open_for_selection()
    window.tell_fault("x", past=False)
    assert complaints(window) == []
    assert complaints(window.topbar.sampling.form) == []
    settings = window.dialogs.settings()
    for page in range(settings.pages.count()):
        settings.sections.setCurrentRow(page)
        assert complaints(settings) == []
    dialogs = window.dialogs
    opened: list[QDialog] = [
        dialogs.chat_settings(), dialogs.shortcuts(), dialogs.about(), dialogs.whats_new(), dialogs.diagnostics(),
        dialogs.report("x"), dialogs.trash(),
    ]  # fmt: skip
    for dialog in opened:
        assert complaints(dialog) == [], dialog.windowTitle()
        assert dialog.windowTitle()
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()


def ask_running(window: Window, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.chat.answered):
        window.chat.send("Hi")


def test_the_walk_finds_what_it_is_for(qtbot: QtBot) -> None:
    """Guards: a test of names and focus that cannot fail."""
    from PySide6.QtWidgets import QVBoxLayout

    window = QWidget()
    qtbot.addWidget(window)
    rows = QVBoxLayout(window)
    nameless, unreachable = QPushButton("x"), QPushButton("y")
    unreachable.setAccessibleName("y")
    unreachable.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    for button in (nameless, unreachable):
        rows.addWidget(button)
    window.show()
    assert len(complaints(window)) == 2


def every_action(window: Window) -> list[QAction]:
    return [action for menu in window.menus.all for action in (*menu.actions(), *window.findChildren(QAction))]


def test_shortcuts_are_standard_and_nobody_elses(start: Start) -> None:
    """Guards: two actions on one key, of which Qt then runs neither; a standard key that does nothing."""
    window = start().window
    keys = Counter(shortcut.toString() for action in set(every_action(window)) for shortcut in action.shortcuts())
    assert [key for key, times in keys.items() if times > 1] == []
    wanted = (
        "Ctrl+N Ctrl+O Ctrl+Q Ctrl+W Ctrl+F F3 Ctrl+, Ctrl+B Ctrl+J Ctrl+H Ctrl+K Ctrl++ Ctrl+- Ctrl+0 F11 Ctrl+/ Esc"
    )
    assert set(wanted.split()) <= set(keys)
    roles = {action.text(): action.menuRole() for action in every_action(window)}
    assert roles["Quit"] == QAction.MenuRole.QuitRole
    assert roles["Settings…"] == QAction.MenuRole.PreferencesRole
    assert roles["About Updraft"] == QAction.MenuRole.AboutRole
    assert roles["Copy the last answer"] == QAction.MenuRole.NoRole


def test_the_shortcuts_page_has_them_all(start: Start) -> None:
    """Guards: a page of shortcuts written by hand, and out of date."""
    window = start().window
    tree = window.dialogs.shortcuts().tree
    items = tree.findItems("*", Qt.MatchFlag.MatchWildcard | Qt.MatchFlag.MatchRecursive)
    shown = {(item.text(0), item.text(1)) for item in items}
    for action in every_action(window):
        if not action.shortcut().isEmpty():
            assert (action.text().replace("&", "").rstrip("…"), action.shortcut().toString()) in shown
    assert ("Break the line", "Shift+Enter") in shown


def test_the_edit_menu_works_on_what_has_the_focus(start: Start, qapp: QApplication) -> None:
    """Guards: an Edit menu that greys out for good, or edits a field the cursor is not in."""
    window = start().window
    window.activateWindow()
    field = window.composer.field
    field.setFocus()
    QTest.keyClicks(field, "words")
    edit = window.menus.all[1]
    actions = {action.text(): action for action in edit.actions()}
    edit.aboutToShow.emit()
    assert not actions["Copy"].isEnabled()
    edit.aboutToHide.emit()
    actions["Select all"].trigger()
    edit.aboutToShow.emit()
    assert actions["Cut"].isEnabled()
    actions["Cut"].trigger()
    assert (window.composer.text, qapp.clipboard().text()) == ("", "words")
    edit.aboutToHide.emit()
    actions["Undo"].trigger()
    assert window.composer.text == "words"
    told: list[bool] = []
    window.toast.tell("Gone.", lambda: told.append(True))
    window.composer.field.document().clearUndoRedoStacks()
    actions["Undo"].trigger()
    assert told == [True]


def test_zoom_changes_all_text_and_is_remembered(start: Start, qtbot: QtBot, qapp: QApplication) -> None:
    """Guards: text that stays small in one place, a zoom without bounds or without a way back."""
    running = start()
    window = running.window
    ask_running(window, qtbot)
    answer = window.transcript.answers[-1]
    before = qapp.font().pixelSize(), answer.texts[0].fontInfo().pixelSize(), answer.texts[0].height()
    QTest.keySequence(window, QKeySequence("Ctrl++"))
    window.preferences.zoom(5)
    qtbot.waitUntil(lambda: answer.texts[0].height() > before[2])
    assert qapp.font().pixelSize() == before[0] + 6
    assert answer.texts[0].fontInfo().pixelSize() > before[1]
    for by in (12, 1, 1):  # as far as it goes, and no further
        window.preferences.zoom(by)
    assert running.preferences.settings.font_size == 32
    assert Preferences(running.preferences.file).settings.font_size == 32
    QTest.keySequence(window, QKeySequence("Ctrl+0"))
    assert running.preferences.settings.font_size == 14
    assert qapp.font().pixelSize() == before[0]


def test_full_screen_and_back(start: Start) -> None:
    """Guards: no way out of full screen."""
    window = start().window
    window.fill_screen()
    assert window.isFullScreen()
    window.fill_screen()
    assert not window.isFullScreen()


SCREEN, SECOND = QRect(0, 0, 1920, 1080), QRect(1920, 0, 1280, 1024)


@pytest.mark.parametrize(
    ("frame", "screens", "where"),
    [
        (QRect(100, 100, 800, 600), [SCREEN], QRect(100, 100, 800, 600)),
        (QRect(2000, 100, 800, 600), [SCREEN, SECOND], QRect(2000, 100, 800, 600)),
        (QRect(2000, 100, 800, 600), [SCREEN], QRect(1120, 100, 800, 600)),
        (QRect(-500, -300, 800, 600), [SCREEN], QRect(0, 0, 800, 600)),
        (QRect(0, 0, 4000, 3000), [SCREEN], SCREEN),
        (QRect(1800, 900, 800, 600), [SCREEN, SECOND], QRect(1920, 424, 800, 600)),
    ],
)
def test_a_window_stands_on_a_screen_that_is_there(frame: QRect, screens: list[QRect], where: QRect) -> None:
    """Guards: a window restored on a screen that was unplugged, or larger than any."""
    assert placed(frame, screens) == where


def test_a_window_kept_off_the_screen_comes_back(start: Start, settings: QSettings) -> None:
    """Guards: the same, in the real window."""
    first = start().window
    first.setGeometry(5000, 4000, 700, 500)
    first.close()
    window = start().window
    assert QApplication.primaryScreen().availableGeometry().contains(window.geometry().topLeft())


def test_diagnostics_name_what_the_engine_runs_on(start: Start, qtbot: QtBot, qapp: QApplication) -> None:
    """Guards: a page that hides what a report needs, or blocks while the engine is busy."""
    window = start().window
    dialog = window.dialogs.diagnostics()
    qtbot.waitUntil(lambda: "scripted" in dialog.text.toPlainText())
    text = dialog.text.toPlainText()
    for what in ("Python", "PySide6 6.", "Screen", "Settings", "Data", "Log", "Starter", "qualifier"):
        assert what in text
    dialog.copy.click()
    assert qapp.clipboard().text() == text
    dialog.show_text("of yesterday")
    next(button for button in dialog.findChildren(QPushButton) if button.text() == "Look again").click()
    qtbot.waitUntil(lambda: dialog.text.toPlainText() == text)


def test_diagnostics_while_the_engine_is_busy(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a page that waits for an answer that never ends."""
    session.play, session.delay = (lambda _: endless()), 0.003
    running = start()
    running.chat.send("Count.")
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 1)
    assert "has not answered yet" in running.window.dialogs.diagnostics().text.toPlainText()
    running.chat.stop()


def test_models_of_a_folder_are_offered(start: Start, tmp_path: Path) -> None:
    """Guards: a models folder nobody looks into, or one that is away and stops the window."""
    for name in ("B model", "A model"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "config.json").write_text("{}")
    (tmp_path / "models" / "notes").mkdir()
    running = start()
    running.preferences.change(models_folder=str(tmp_path / "models"))

    def offered(window: Window) -> list[str]:
        menu = window.topbar.models.menu()
        return [action.text() for action in menu.actions() if action.isCheckable()]

    assert offered(running.window) == ["Starter", "A model", "B model"]
    assert offered(start().window) == ["Starter", "A model", "B model"]
    running.preferences.change(models_folder=str(tmp_path / "unplugged"))
    assert offered(running.window) == ["Starter"]


def test_settings_that_cannot_be_read_are_said(start: Start, tmp_path: Path) -> None:
    """Guards: defaults used in silence where the settings are broken."""
    (tmp_path / "settings.json").write_text('{"appearance": {"theme": "pink"}}', "utf-8")
    window = start().window
    assert "“theme” must be one of" in window.banner.sentence.text()
    window.banner.buttons["settings"].click()
    assert window.dialogs.settings().isVisible()
