"""What is imported to stay is not looked through for garbage; everything else still is."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

import pytest

from engine import lasting


class _Ring:
    """Garbage only the collector finds."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_imported_is_kept_from_the_collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module's objects count as frozen, and collecting goes on afterwards."""
    (tmp_path / "imported_to_stay.py").write_text("THINGS = [[number] for number in range(1000)]\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = gc.get_freeze_count()
    try:
        with lasting():
            assert not gc.isenabled()
            __import__("imported_to_stay")
        assert gc.isenabled()
        assert gc.get_freeze_count() > before + 1000
    finally:
        sys.modules.pop("imported_to_stay", None)


def test_garbage_of_an_earlier_model_is_still_found() -> None:
    """The second model imports nothing: what the first left behind must not be kept for ever."""
    ring = _Ring()
    seen = weakref.ref(ring)
    del ring
    with lasting():
        pass
    gc.collect()
    assert seen() is None


def test_a_failed_import_leaves_the_collector_on() -> None:
    """An engine that cannot be imported must not end in memory that only grows."""
    with pytest.raises(ModuleNotFoundError), lasting():
        __import__("no_such_module_anywhere")
    assert gc.isenabled()
