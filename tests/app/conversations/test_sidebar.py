"""The list of conversations, worked by keyboard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation
from app.conversations.list_paint import HEADING
from app.conversations.sidebar import Sidebar
from app.conversations.store import Store
from app.conversations.summaries import Summary
from app.look.palette import LIGHT
from tests.app.conversations.test_store import answered, keep
from tests.app.stage import Ask, Start

DAY = 86400.0


@pytest.fixture
def talks(tmp_path: Path) -> list[Conversation]:
    """Give three conversations on disk: of today, yesterday and long ago."""
    store = Store(tmp_path)
    found = []
    for ago, title, answer in ((0, "Fox", "A lantern."), (1, "Sky", "Blue light."), (50, "Rome", "Bread.")):
        talk = keep(store, answered(title, answer))
        store._db.execute("UPDATE chats SET used = ? WHERE id = ?", (time.time() - ago * DAY, talk.id))
        found.append(talk)
    store.close()
    return found


@pytest.fixture
def archive(qtbot: QtBot, tmp_path: Path, talks: list[Conversation]) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    archive.load()
    qtbot.waitUntil(lambda: archive.ready)
    yield archive
    archive.end()


@pytest.fixture
def sidebar(qtbot: QtBot, archive: Archive) -> Sidebar:
    sidebar = Sidebar(archive, LIGHT)
    qtbot.addWidget(sidebar)
    sidebar.resize(232, 500)
    sidebar.show()
    qtbot.waitExposed(sidebar)
    sidebar.activateWindow()
    return sidebar


def rows(sidebar: Sidebar) -> list[str]:
    """Return the rows' texts, headings in capitals."""
    items = [sidebar.list.item(row) for row in range(sidebar.list.count())]
    return [item.text().upper() if item.data(HEADING) else item.text() for item in items]


def test_conversations_stand_under_their_day(sidebar: Sidebar) -> None:
    """Guards: a list in no order, or headings that can be chosen."""
    assert rows(sidebar) == ["TODAY", "Fox", "YESTERDAY", "Sky", "EARLIER", "Rome"]
    assert not sidebar.list.item(0).flags() & Qt.ItemFlag.ItemIsSelectable


def test_search_by_keyboard(sidebar: Sidebar, talks: list[Conversation], qtbot: QtBot) -> None:
    """Guards: hits that only a mouse can open, an Escape that leaves the list filtered."""
    sidebar.focus_search()
    QTest.keyClicks(sidebar.search, "lant")
    qtbot.waitUntil(lambda: rows(sidebar) == ["1 FOUND", "Fox"])
    with qtbot.waitSignal(sidebar.chosen) as chosen:
        QTest.keyClick(sidebar.search, Qt.Key.Key_Return)
    assert chosen.args == [talks[0].id, talks[0].messages[1].id]
    QTest.keyClick(sidebar.search, Qt.Key.Key_Escape)
    assert sidebar.search.text() == ""
    qtbot.waitUntil(lambda: len(rows(sidebar)) == 6)
    QTest.keyClicks(sidebar.search, "zebra")
    qtbot.waitUntil(sidebar.nothing.isVisible)
    assert "zebra" in sidebar.nothing.text()


def test_the_list_by_keyboard(sidebar: Sidebar, talks: list[Conversation], qtbot: QtBot) -> None:
    """Guards: arrows that stop at headings, Enter that opens nothing, no way back to the search field."""
    sidebar.focus_search()
    QTest.keyClick(sidebar.search, Qt.Key.Key_Down)
    assert sidebar.list.hasFocus()
    QTest.keyClick(sidebar.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(sidebar.chosen) as chosen:
        QTest.keyClick(sidebar.list, Qt.Key.Key_Return)
    assert chosen.args == [talks[1].id, None]
    QTest.keyClick(sidebar.list, Qt.Key.Key_Up)
    QTest.keyClick(sidebar.list, Qt.Key.Key_Up)
    assert sidebar.search.hasFocus()


def editor(sidebar: Sidebar) -> QLineEdit:
    found = sidebar.list.findChild(QLineEdit, "renameChat")
    assert isinstance(found, QLineEdit)
    return found


def test_renaming_in_place(sidebar: Sidebar, archive: Archive, talks: list[Conversation], qtbot: QtBot) -> None:
    """Guards: a title lost on Escape, an empty one taken, a rename the list or the search does not know of."""
    sidebar.list.setFocus()
    sidebar.list.select(talks[0].id)
    QTest.keyClick(sidebar.list, Qt.Key.Key_F2)
    with qtbot.waitSignal(sidebar.renamed) as renamed:
        editor(sidebar).selectAll()
        QTest.keyClicks(editor(sidebar), "A lamp")
        QTest.keyClick(editor(sidebar), Qt.Key.Key_Return)
    assert renamed.args == [talks[0].id, "A lamp"]
    assert archive.chats[talks[0].id].title == "A lamp"
    assert rows(sidebar)[1] == "A lamp"
    QApplication.processEvents()
    sidebar.list.select(talks[0].id)
    QTest.keyClick(sidebar.list, Qt.Key.Key_F2)
    editor(sidebar).selectAll()
    QTest.keyClicks(editor(sidebar), "no")
    QTest.keyClick(editor(sidebar), Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert rows(sidebar)[1] == "A lamp"
    sidebar.list.select(talks[0].id)
    QTest.keyClick(sidebar.list, Qt.Key.Key_F2)
    editor(sidebar).clear()
    QTest.keyClick(editor(sidebar), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows(sidebar)[1] == "A lamp")


def test_pinning_and_deleting(sidebar: Sidebar, archive: Archive, talks: list[Conversation], qtbot: QtBot) -> None:
    """Guards: a pin the list forgets; Backspace that deletes; Delete that does not ask for it."""
    sidebar.list.setFocus()
    sidebar.list.select(talks[2].id)
    QTest.keyClick(sidebar.list, Qt.Key.Key_P)
    assert rows(sidebar) == ["PINNED", "Rome", "TODAY", "Fox", "YESTERDAY", "Sky"]
    with qtbot.assertNotEmitted(sidebar.delete_wanted):
        QTest.keyClick(sidebar.list, Qt.Key.Key_Backspace)
    sidebar.list.select(talks[0].id)
    with qtbot.waitSignal(sidebar.delete_wanted) as wanted:
        QTest.keyClick(sidebar.list, Qt.Key.Key_Delete)
    assert wanted.args == [talks[0].id]
    archive.delete(talks[0].id)
    assert rows(sidebar) == ["PINNED", "Rome", "YESTERDAY", "Sky"]


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # a popup without a display
def test_the_menu_offers_what_the_keys_do(sidebar: Sidebar, talks: list[Conversation], qtbot: QtBot) -> None:
    """Guards: a context menu that a keyboard cannot open, or that lacks what keys can do."""
    sidebar.list.setFocus()
    sidebar.list.select(talks[1].id)
    QTest.keyClick(sidebar.list, Qt.Key.Key_Menu)
    menu = sidebar.findChild(QMenu)
    assert isinstance(menu, QMenu)
    names = [action.text() for action in menu.actions() if action.text()]
    assert names == ["Open", "Rename", "Pin to top", "Export…", "Delete"]
    with qtbot.waitSignal(sidebar.export_wanted) as wanted:
        menu.actions()[3].trigger()
    assert wanted.args == [talks[1].id]
    menu.close()


def test_a_click_opens(sidebar: Sidebar, talks: list[Conversation], qtbot: QtBot) -> None:
    """Guards: one click that only selects."""
    spot = sidebar.list.visualItemRect(sidebar.list.item(sidebar.list.row_of(talks[2].id))).center()
    with qtbot.waitSignal(sidebar.chosen) as chosen:
        QTest.mouseClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(spot))
    assert chosen.args == [talks[2].id, None]


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # a popup without a display
def test_a_right_click_leaves_the_mark_where_it_is(start: Start, ask: Ask, qtbot: QtBot) -> None:
    """Guards: the highlight of "you are here" left on a chat that was only asked about."""
    running = start()
    ask(running, "One")
    running.chat.start_new()
    ask(running, "Two")
    rows = running.window.sidebar.list
    here, other = rows.row_of(running.chat.current.conversation.id), 0
    other = next(row for row in range(rows.count()) if rows.chat_at(row) is not None and row != here)
    assert rows.currentRow() == here
    QTest.mouseClick(
        rows.viewport(), Qt.MouseButton.RightButton, pos=(at := rows.visualItemRect(rows.item(other)).center())
    )
    rows.customContextMenuRequested.emit(at)
    menu = running.window.sidebar.findChild(QMenu)
    assert menu is not None
    assert rows.currentRow() == other
    menu.close()
    assert rows.currentRow() == here


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # a popup without a display
def test_the_row_under_the_pointer_offers_what_can_be_done(sidebar: Sidebar) -> None:
    """Guards: pin, rename and delete found by nobody who does not press the other mouse button; or on a heading."""
    item = sidebar.list.item(1)
    sidebar.list.itemEntered.emit(item)
    assert sidebar.list.more.isVisible()
    assert sidebar.list.itemAt(sidebar.list.more.geometry().center()) is item
    QTest.mouseClick(sidebar.list.more, Qt.MouseButton.LeftButton)
    menu = sidebar.findChild(QMenu)
    assert menu is not None
    said = [action.text() for action in menu.actions() if action.text()]
    assert said == ["Open", "Rename", "Pin to top", "Export…", "Delete"]
    menu.close()
    sidebar.list.itemEntered.emit(sidebar.list.item(0))
    assert not sidebar.list.more.isVisible()


def test_a_tip_has_the_whole_title_and_runs_nothing(sidebar: Sidebar) -> None:
    """Guards: a title read as markup, which may load pictures; long titles that cannot be told apart."""
    with sidebar.list.rebuilding():
        sidebar.list.add_chat(Summary(5, "<img src='file:///x'> & more", 86400.0 * 365))
    tip = sidebar.list.item(0).toolTip()
    assert "<img" not in tip
    read = QTextDocument()
    read.setHtml(tip)
    assert read.toPlainText().startswith("<img src='file:///x'> & more\nLast used 197")
