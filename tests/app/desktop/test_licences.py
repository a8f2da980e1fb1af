"""The licences of everything in Updraft: found, written into one file, and shown."""

from __future__ import annotations

import re
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import licences as collecting
import pytest
from installing import SetupFailed
from licences import system, write
from locked import NAME as LOCK
from locked import name_of, requirements, sections
from pytestqt.qtbot import QtBot

from app.desktop import licences
from app.desktop.about import AboutDialog
from app.desktop.licences import Component, brought_by, components, package, python, read, used, written

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Component]:
    return {each.name: each for each in components(tmp_path_factory.mktemp("starter"))}


def test_every_package_is_named_with_its_licence(found: dict[str, Component]) -> None:
    """A package used without being named, or a licence that nobody can read."""
    locked = sections((ROOT / LOCK).read_text(encoding="utf-8"))
    texts = (locked[section] for section in ("torch", "torch-cuda", "run", "cuda"))
    every = {name_of(one) for text in texts for one in requirements(text)}
    packages = {name for name, each in found.items() if name in every}
    assert {"pyside6-essentials", "shiboken6", "torch", "tokenizers", "numpy", "sympy", "latex2mathml"} <= packages
    assert set(found) - packages == {"Updraft", "Inter", "SmolLM2's draft and qualifier", "Python"}
    assert [name for name, each in found.items() if name != "Python" and len(each.text) < 60] == []
    assert all(each.licence for each in found.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Updraft", "Apache License"),
        ("Inter", "(?i)sil open font license"),
        ("pyside6-essentials", "(?s)replace them.*GNU LESSER GENERAL.*GNU GENERAL PUBLIC"),
        ("tokenizers", "Apache License"),
        ("latex2mathml", "MIT License"),
        ("torch", "(?s)PyTorch.*FP16"),
    ],
)
def test_it_is_the_right_one(found: dict[str, Component], name: str, words: str) -> None:
    """The text of another licence, Qt without what lets people replace it, or torch without its parts."""
    assert re.search(words, found[name].text)


def test_what_we_supply_is_the_licence_that_is_named() -> None:
    """A package that changed its licence while we go on showing the old one, or brings its own by now."""
    named = {"latex2mathml": "MIT", "pyside6-essentials": "LGPL-3.0", "shiboken6": "LGPL-3.0", "tokenizers": "Apache"}
    assert set(named) == set(licences.SUPPLIED)
    for name, licence in named.items():
        assert licence in package(distribution(name)).licence
        assert not brought_by(distribution(name))


def test_the_file_gives_back_what_was_written(tmp_path: Path, found: dict[str, Component]) -> None:
    """A bundle whose licences run into each other."""
    everything = [*found.values(), Component("odd", "", "see\tit", "one\n\n\n\ntwo\n")]
    assert read(written(everything)) == everything


def test_a_bundle_shows_its_file(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, found: dict[str, Component]
) -> None:
    """A bundle, whose packages have no metadata left, that shows none of their licences."""
    few = [found["Updraft"], Component("old", "1", "MIT", "A licence.")]
    (tmp_path / "licences.txt").write_text(written(few), "utf-8")
    monkeypatch.setattr(licences, "asset", tmp_path.joinpath)
    dialog = AboutDialog(tmp_path)
    qtbot.addWidget(dialog)
    dialog.names.setCurrentRow(1)
    assert (dialog.names.count(), dialog.names.item(1).text()) == (2, "old 1")
    assert (dialog.licence.text(), dialog.text.toPlainText()) == ("MIT", "A licence.")


def test_a_bundle_is_not_made_without_them(tmp_path: Path) -> None:
    """A package or a library of the system that is passed on without its licence."""
    metadata = tmp_path / "strange-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: strange\nVersion: 1\nLicense: MIT\n", "utf-8")
    target = tmp_path / "licences.txt"
    with pytest.raises(SetupFailed, match=r"strange, libstrange\.so"):
        write(target, [PathDistribution(metadata)], tmp_path, [tmp_path / "libstrange.so"])
    assert not target.exists()
    assert system([]) == []


def test_libraries_of_the_system_bring_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copyright file that only points to a licence, which then is nowhere; or one licence thirty times over."""
    common = tmp_path / "common"
    common.mkdir()
    (common / "GPL-3").write_text("The text of the GPL.")
    (common / "GPL").symlink_to("GPL-3")
    for name, licence in (("libone1", "GPL-3."), ("libtwo2", "GPL")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "copyright").write_text(f"See /usr/share/common-licenses/{licence}")
    monkeypatch.setattr(collecting, "DOCUMENTS", tmp_path)
    monkeypatch.setattr(collecting, "COMMON", common)
    monkeypatch.setattr(collecting, "_owner", lambda path: Path(path).name if "lib" in Path(path).name else None)
    found = system([tmp_path / "libone1", tmp_path / "libtwo2", tmp_path / "libone1"])
    assert [each.name for each in found] == ["libone1", "libtwo2", "GPL-3"]
    assert found[-1].text == "The text of the GPL."


def test_this_environments_licences_are_whole(tmp_path: Path) -> None:
    """A locked package that came without a licence, found out only where the bundle is made."""
    packages = used()
    if not python().text:
        pytest.skip("this Python's makers keep its licence elsewhere")
    assert len(write(tmp_path / "licences.txt", packages, tmp_path)) == len(packages) + 4
