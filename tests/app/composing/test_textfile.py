"""Text files given to a question."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.composing.textfile import LARGEST, FileRefused, quoted, read_text_file
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
        (b"caf\xe9", "byte 4 does not fit"),
        (b"\x89PNG\r\n", "not text in UTF-8"),
        (b"a\0b", "not a text file"),
        (b"\xff\xfea", "not text in UTF-8"),
        (b"x" * (LARGEST + 1), "takes files up to 256 KB"),
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


def test_a_file_with_fences_stays_in_its_own() -> None:
    """Guards: a Markdown file that closes the fence it stands in."""
    assert quoted(Path("a.md"), "x\n```\ny\n```\n") == "a.md:\n````markdown\nx\n```\ny\n```\n````\n"


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
    window.composer.field.moveCursor(window.composer.field.textCursor().MoveOperation.End)
    assert dropped(window, bad, good)
    assert window.composer.text == "Explain:\nnotes.py:\n```python\nprint('hi')\n```\n"
    assert "photo.png is not text" in window.banner.sentence.text()
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
    assert window.composer.text == "a.txt:\n```\nalpha\n```\n"
    qapp.clipboard().setText("beta")
    window.composer.field.paste()
    assert window.composer.text.endswith("```\nbeta")
