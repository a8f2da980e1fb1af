"""Offline is a promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.app.wizard.conftest import TINY

ROOT = Path(__file__).parents[3]


def test_a_session_of_chatting_opens_no_socket(tmp_path: Path) -> None:
    """Guards: telemetry, an update check or a forgotten look-up, in Updraft or in any library it is made of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    environment["PYTHONPATH"] = str(ROOT)
    script = Path(__file__).with_name("offline_session.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(TINY)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
