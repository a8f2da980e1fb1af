"""Offline is a promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.models.library import ModelLibrary
from tests.app.models.conftest import POCKET, Serve

ROOT = Path(__file__).parents[3]


def test_a_session_of_chatting_opens_no_socket(tmp_path: Path) -> None:
    """Guards: telemetry, an update check or a forgotten look-up, in Updraft or in any library it is made of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    environment["PYTHONPATH"] = str(ROOT)
    script = Path(__file__).with_name("offline_session.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(POCKET)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_staying_offline_by_choice_has_a_way_back(serve: Serve, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: a choice of one's own announced like a failure, with no way back and no sign of it in the window."""
    running = serve(lambda _: iter(()))
    window = running.window
    qtbot.waitExposed(window)
    assert window.sidebar.offline.isHidden()
    running.preferences.change(offline=True)
    assert not window.sidebar.offline.isHidden()
    assert running.models is not None
    running.models.open_wizard()
    wizard = running.models.wizard
    assert wizard is not None
    assert wizard.machine_page.offline.isVisible()
    assert "You chose to stay offline" in wizard.machine_page.offline.sentence.text()
    wizard.machine_page.offline.go.click()
    assert not running.preferences.settings.offline
    assert not library.offline
    assert not wizard.machine_page.offline.isVisible()
    assert window.sidebar.offline.isHidden()
    window.sidebar.offline.clicked.emit()
    settings = window.dialogs.settings()
    assert settings.sections.currentItem().text() == "Network"
    settings.close()
    wizard.reject()
