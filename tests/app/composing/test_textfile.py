"""Text files given to a question."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.composing.attachment import LONG, Attachment
from app.composing.chips import Chip
from app.composing.drop import DropSign
from app.composing.textfile import LARGEST, FileRefused, read_text_file
from tests.app.scripted import ScriptedSession
from tests.app.stage import Start


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Größe\r\n雪\r".encode(), "Größe\n雪\n"),
        (b"\xef\xbb\xbfmark", "mark"),
        ("Größe".encode("utf-16"), "Größe"),
        ("雪".encode("utf-32"), "雪"),
        (b"", ""),
    ],
)
def test_text_of_every_usual_kind(tmp_path: Path, raw: bytes, text: str) -> None:
    """Guards: byte order marks in the question, UTF-32 read as UTF-16."""
    path = tmp_path / "file.txt"
    path.write_bytes(raw)
    assert read_text_file(path) == text


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"caf\xe9", "its byte 4 cannot be read"),
        (b"\x89PNG\r\n", "Pictures cannot be read"),
        (b"\xff\xd8\xff\xe0", "Pictures cannot be read"),
        (b"a\0b", "not a text file"),
        (b"\xff\xfea", "not plain text"),
        (b"%PDF-1.7", "not a text file"),
        (b"x" * (LARGEST + 1), "takes texts of up to 1.0 MB"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    """Guards: an image as a page of signs, a text with wrong letters, a file no model could hold."""
    path = tmp_path / "file.bin"
    path.write_bytes(raw)
    with pytest.raises(FileRefused, match=said) as refused:
        read_text_file(path)
    assert refused.value.hint


def test_a_folder_and_a_file_that_is_gone(tmp_path: Path) -> None:
    """Guards: an exception of the system's in place of a sentence."""
    with pytest.raises(FileRefused, match="is a folder"):
        read_text_file(tmp_path)
    with pytest.raises(FileRefused, match="could not be read: No such file"):
        read_text_file(tmp_path / "gone.txt")


@pytest.mark.parametrize(("name", "said"), [("a.webp", "Pictures cannot be read"), ("a.pdf", "is a PDF file")])
def test_what_a_file_is_can_be_told_from_its_name(tmp_path: Path, name: str, said: str) -> None:
    """Guards: talk of bytes where "a picture" is what a person understands."""
    path = tmp_path / name
    path.write_bytes(b"%PDF\xff\0")
    with pytest.raises(FileRefused, match=said):
        read_text_file(path)


def dropped(on: QWidget, *paths: Path) -> bool:
    """Drop files on a widget; return whether it took them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), copy, data, left, none)
    QApplication.sendEvent(on, enter)
    drop = QDropEvent(QPointF(9, 9), copy, data, left, none)
    QApplication.sendEvent(on, drop)
    return enter.isAccepted() and drop.isAccepted()


def test_files_dropped_on_the_window(start: Start, tmp_path: Path) -> None:
    """Guards: a drop that replaces what was typed; a bad file that keeps the good one out, or is refused in silence."""
    window = start().window
    good, bad = tmp_path / "notes.py", tmp_path / "photo.png"
    good.write_text("print('hi')\n", "utf-8")
    bad.write_bytes(b"\x89PNG\0")
    window.composer.field.setPlainText("Explain:")
    assert dropped(window, bad, good)
    assert window.composer.field.toPlainText() == "Explain:"
    assert window.composer.text == "Explain:\n\nAttached: notes.py\n```python\nprint('hi')\n\n```"
    assert "photo.png is a picture. Pictures cannot be read" in window.banner.sentence.text()
    assert not window.banner.buttons["retry"].isVisible()


def test_files_pasted_into_the_field(start: Start, tmp_path: Path, qapp: QApplication) -> None:
    """Guards: the address of a file in place of its text; text that cannot be pasted any more."""
    window = start().window
    path = tmp_path / "a.txt"
    path.write_text("alpha", "utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    qapp.clipboard().setMimeData(data)
    window.composer.field.paste()
    assert window.composer.text == "Attached: a.txt\n```\nalpha\n```"
    qapp.clipboard().setText("beta")
    window.composer.field.paste()
    assert window.composer.field.toPlainText() == "beta"
    assert len(window.composer.chips.attached) == 1
    window.composer.chips.findChildren(Chip)[0].remove.click()
    assert window.composer.text == "beta"


def test_a_very_long_paste_is_attached(start: Start, qapp: QApplication) -> None:
    """Guards: a megabyte without a space laid out in the field, the window standing still for half a minute."""
    window = start().window
    field = window.composer.field
    qapp.clipboard().setText("x" * (LARGEST - 1))
    field.paste()
    assert field.toPlainText() == ""
    assert [len(attached.text) for attached in window.composer.chips.attached] == [LARGEST - 1]
    qapp.clipboard().setText("x" * (LARGEST + 1))
    field.paste()
    assert len(window.composer.chips.attached) == 1
    assert "The pasted text has 1.0 MB" in window.banner.sentence.text()
    qapp.clipboard().setText("xx " * (LONG // 3))
    field.paste()
    assert len(field.toPlainText()) == LONG // 3 * 3
    window.composer.show_text("y" * (LONG + 1))  # a draft of an earlier version
    assert field.toPlainText() == ""


def test_a_picture_is_refused_in_words(start: Start, qapp: QApplication) -> None:
    """Guards: a screenshot pasted, and nothing happening."""
    window = start().window
    qapp.clipboard().setImage(QImage(4, 4, QImage.Format.Format_RGB32))
    window.composer.field.paste()
    assert window.banner.isVisible()
    assert "Pictures cannot be read" in window.banner.sentence.text()


def test_what_was_attached_is_kept_and_comes_back(
    start: Start, qtbot: QtBot, session: ScriptedSession, tmp_path: Path
) -> None:
    """Guards: an attachment the model never sees, that is lost with a draft or with editing, or that hides the rest."""
    running = start()
    window = running.window
    window.composer.attach(Attachment("notes.py", "print('hi')"))
    window.composer.field.setPlainText("Explain")
    with qtbot.waitSignal(running.chat.answered):
        window.composer.field.entered.emit()
    asked = "Explain\n\nAttached: notes.py\n```python\nprint('hi')\n```"
    assert session.asked == [(("user", asked),)]
    assert not window.composer.chips.attached
    assert window.composer.text == ""
    window.composer.attach(Attachment("draft.txt", "half"))
    window.editing.begin_last()
    assert window.composer.field.toPlainText() == "Explain"
    assert [chip.name for chip in window.composer.chips.attached] == ["notes.py"]
    window.editing.leave()
    assert [chip.name for chip in window.composer.chips.attached] == ["draft.txt"]
    running.chat.start_new()
    assert not window.composer.chips.attached


def test_a_model_folder_dropped_on_the_window_is_no_text(start: Start, tmp_path: Path) -> None:
    """Guards: a model refused as “a folder” or no text; no sign of what may be dropped, or one that stays."""
    window = start().window
    (tmp_path / "bf16").mkdir()
    (tmp_path / "bf16" / "config.json").write_text("{}", "utf-8")
    given: list[Path] = []
    window.files.model_given.connect(given.append)
    shown: list[bool] = []
    sign = window.findChild(DropSign)
    assert sign is not None
    window.files.drop.hovered.connect(lambda held: shown.append(held and not sign.isHidden()))
    assert dropped(window, tmp_path / "bf16")
    assert given == [tmp_path / "bf16"]
    assert shown == [True, False]
    (tmp_path / "tiny.GGUF").write_bytes(b"GGUF")
    assert dropped(window, tmp_path / "tiny.GGUF")
    assert given == [tmp_path / "bf16", tmp_path / "tiny.GGUF"]
    assert sign.isHidden()
    assert window.banner.isHidden()
