"""Names the tests of the window share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.application import Application
from engine.config import ModelSet

MODELS = ModelSet("Starter", {role: Path(role) for role in ("target", "qualifier", "draft")})
Start = Callable[..., Application]
Ask = Callable[[Application, str], None]
