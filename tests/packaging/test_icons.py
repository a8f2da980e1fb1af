"""The icon in every size, as Linux, Windows and macOS look for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from icons import LINUX, MACOS, WINDOWS, write
from PIL import Image

from app.desktop.identity import ID


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("icons")
    write(folder)
    return folder


def test_every_size_is_there_and_shows_something(written: Path) -> None:
    """A size that is missing, blank, or an opaque square where the corners should be seen through."""
    for size in LINUX:
        with Image.open(written / "hicolor" / f"{size}x{size}" / "apps" / f"{ID}.png") as drawn:
            assert (drawn.size, drawn.mode) == ((size, size), "RGBA")
            assert drawn.getchannel("A").getextrema() == (0, 255) or size < 32
            assert len(set(drawn.convert("RGB").get_flattened_data())) > 8
    assert (written / "hicolor" / "scalable" / "apps" / f"{ID}.svg").is_file()


@pytest.mark.parametrize(("name", "sizes"), [("updraft.ico", WINDOWS), ("updraft.icns", MACOS)])
def test_the_containers_hold_all_of_theirs(written: Path, name: str, sizes: tuple[int, ...]) -> None:
    """One picture that Windows or macOS has to scale for every place it is shown in."""
    with Image.open(written / name) as held:
        found = {width * (scale[0] if scale else 1) for width, _, *scale in held.info["sizes"]}
    assert found == set(sizes)


def test_the_same_drawing_gives_the_same_files(written: Path, tmp_path: Path) -> None:
    """A bundle that differs from build to build, though nothing was changed."""
    write(tmp_path)
    files = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {path.relative_to(written): path.read_bytes() for path in written.rglob("*") if path.is_file()}
