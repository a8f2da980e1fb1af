"""Fixtures around the tiny family."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.config import ModelSet
from engine.session import Session
from tests.engine.family import finish, write_family


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """Give the tiny family; written once."""
    return write_family(tmp_path_factory.mktemp("family"))


@pytest.fixture
def open_session(family: ModelSet) -> Callable[[], Session]:
    """Give a function that opens a fresh session on the tiny family."""
    return lambda: finish(Session.open(family, "cpu"))
