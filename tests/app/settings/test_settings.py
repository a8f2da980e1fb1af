"""Settings: one declaration, a file that loses nothing, a command line and a dialog built from it."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from app.conversations.conversation import ChatSettings
from app.settings.arguments import read_arguments
from app.settings.chat_settings import NAMES, changed, chat_settings_of, values_of
from app.settings.dialog import SettingsDialog
from app.settings.fields import FolderField
from app.settings.file import SettingsFile
from app.settings.kinds import Choice, Folder, Unfit
from app.settings.options import OPTIONS, SECTIONS, Settings
from app.settings.preferences import Preferences
from app.settings.windows_field import level_name
from engine.config import PRESETS, Chosen, Weights
from engine.errors import SettingError
from tests.app.scripted import ScriptedSession
from tests.app.stage import Ask, Start

OTHER: dict[str, Any] = {  # a value for every option that is not its default
    "temperature": 0.25,
    "top_p": 0.5,
    "top_k": 40,
    "min_p": 0.1,
    "repetition_penalty": 1.25,
    "seed": 7,
    "max_tokens": 96,
    "thinking": "none",
    "system_prompt": "Answer in one sentence.\nBe kind.",
    "preset": "lookup",
    "windows": (("hsd", (2, 6)), ("lookup", (5,))),
    "acceptance": "fuzzy",
    "tolerance": 0.5,
    "recipe": "paper",
    "room": 4096,
    "theme": "dark",
    "font_size": 18,
    "marks": "safe",
    "highlight": False,
    "send_key": "ctrl",
    "technical": True,
    "motion": "reduced",
    "data_folder": str(Path("/data/Größe 雪").absolute()),
    "models_folder": str(Path("/models").absolute()),
    "offline": True,
    "threads": 3,
    "weights": "4 bits",
    "learning": True,
}


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "new" / "settings.json")


def test_every_option_is_declared_whole() -> None:
    """Guards: an option without a sentence, in no section, or whose own default its kind refuses."""
    assert set(OTHER) == set(OPTIONS) == {f.name for f in fields(Settings)}
    for option in OPTIONS.values():
        assert option.section in SECTIONS
        assert option.sentence.endswith(".")
        assert option.kind.check(option.default) == option.default


def test_the_file_gives_back_what_was_changed(file: SettingsFile) -> None:
    """Guards: a kind that is written otherwise than it is read; defaults written down, which then cannot improve."""
    assert file.read() == (Settings(), ())
    file.write(OTHER)
    assert file.read() == (Settings(**OTHER), ())
    file.write({"font_size": 20})
    assert file.read() == (Settings(**OTHER | {"font_size": 20}), ())
    fresh = SettingsFile(file.path.with_name("other.json"))
    fresh.write({"theme": "dark"})
    assert json.loads(fresh.path.read_text("utf-8")) == {"appearance": {"theme": "dark"}}


def test_what_is_not_understood_is_said_and_kept(file: SettingsFile) -> None:
    """Guards: settings of a newer version, or mistyped by hand, destroyed by the next change."""
    file.path.parent.mkdir()
    written: dict[str, Any] = {
        "appearance": {"theme": "pink", "font_size": 17, "glow": 3},
        "hierarchy": {"windows": {"hispec": [1, 2, 3]}, "temperature": 1},
        "future": {"x": [1, 2]},
        "generation": "all of it",
    }
    file.path.write_text(json.dumps(written), "utf-8")
    settings, problems = file.read()
    assert settings == Settings(font_size=17)
    assert len(problems) == 6
    assert "“theme” must be one of system, light, dark" in " ".join(problems)
    assert "“windows” must give hispec 2 whole numbers from 1 to 128" in " ".join(problems)
    file.write({"font_size": 15, "offline": True})
    kept = json.loads(file.path.read_text("utf-8"))
    assert kept == written | {"appearance": written["appearance"] | {"font_size": 15}, "network": {"offline": True}}


@pytest.mark.parametrize("text", ["{ broken", "[1, 2]", "\ufeff{}", ""])
def test_a_file_that_is_no_json_is_set_aside(file: SettingsFile, text: str) -> None:
    """Guards: a program that does not start for a broken file, or that overwrites it."""
    file.path.parent.mkdir()
    file.path.write_text(text, "utf-8")
    settings, problems = file.read()
    assert settings == Settings()
    assert "the file is kept" in problems[0]
    assert file.path.read_text("utf-8") == text
    file.write({"theme": "dark"})
    assert file.read() == (Settings(theme="dark"), ())
    aside = [path for path in file.path.parent.iterdir() if path != file.path]
    assert [path.read_text("utf-8") for path in aside] == [text]


@pytest.mark.parametrize("kind", ["deep", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_said_and_kept(file: SettingsFile, kind: str) -> None:
    """Guards: no window because of the settings: JSON without an end to its depth, or something that is no file."""
    file.path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "deep":
        file.path.write_text("[" * 100_000)
    elif kind == "folder":
        file.path.mkdir()
    else:
        os.mkfifo(file.path)
    settings, (complaint,) = file.read()
    assert settings == Settings()
    assert "the file is kept" in complaint
    assert file.path.exists()


def test_half_a_character_is_said_and_kept(file: SettingsFile) -> None:
    """Guards: a folder no system can have that keeps the window from opening; a later change that cannot be saved."""
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_text(r'{"folders": {"data_folder": "/\ud800"}, "sampling": {"system": "\ud800", "seed": 3}}')
    _, complaints = file.read()
    assert any("data_folder" in complaint for complaint in complaints)
    file.write({"seed": 4})
    assert "ud800" in file.path.read_text("utf-8")
    for odd in ("/\ud800", "/a\0b"):
        with pytest.raises(Unfit):
            Folder().check(odd)


def test_a_disk_that_refuses_leaves_the_old_file(
    file: SettingsFile, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Guards: half a file after a full disk; a choice undone, or an error nobody is told."""
    file.write({"theme": "dark"})
    before = file.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingError, match="No space left"):
        file.write({"theme": "light"})
    preferences = Preferences(file)
    with qtbot.waitSignals([preferences.failed, preferences.changed]):
        preferences.change(theme="light")
    assert preferences.settings.theme == "light"
    assert file.path.read_bytes() == before
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_change_is_announced_once_and_only_if_it_is_one(file: SettingsFile, qtbot: QtBot) -> None:
    """Guards: views redrawn for nothing, a value no option may have taken over all the same."""
    preferences = Preferences(file)
    heard: list[tuple[Settings, Settings]] = []
    preferences.changed.connect(lambda before, now: heard.append((before, now)))
    preferences.change(theme="dark", font_size=16)
    preferences.change(theme="dark")
    assert heard == [(Settings(), Settings(theme="dark", font_size=16))]
    with pytest.raises(Unfit):
        preferences.change(font_size=500)
    assert preferences.settings.font_size == 16


def test_the_command_line_holds_for_one_run(file: SettingsFile) -> None:
    """Guards: an option the command line lacks, or a trial run that changes what is kept."""
    words = ["--model", "some/folder"]
    for name, value in OTHER.items():
        flag = OPTIONS[name].flag
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words += [flag, "hsd=2,6;lookup=5" if name == "windows" else str(value)]
    read = read_arguments([*words, "-platform", "offscreen"])
    assert read.given == OTHER
    assert (read.model, read.rest) == (Path("some/folder"), ["-platform", "offscreen"])
    preferences = Preferences(file, read.given)
    assert preferences.settings == Settings(**OTHER)
    preferences.change(theme="light")
    assert file.read()[0] == Settings(theme="light")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--temperature 9", "must be a number from 0 to 2"),
        ("--temperature nan", "must be a number"),
        ("--seed x", "must be a whole number"),
        ("--windows hispec=2", "must give hispec 2 whole numbers"),
        ("--windows hispec", "must look like hispec=2,4"),
        ("--windows deep=2,4", "must name hierarchies among"),
        ("--theme pink", "must be one of system, light, dark"),
    ],
)
def test_a_wrong_argument_is_explained(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards: a usage line that does not say what would have been right."""
    with pytest.raises(SystemExit):
        read_arguments(words.split())
    assert said in capsys.readouterr().err


def test_hierarchies_are_as_made_until_something_is_set() -> None:
    """Guards: settings that change a preset nobody touched."""
    assert all(Settings().hierarchy(preset) == preset for preset in PRESETS.values())


def test_windows_are_shown_as_the_method_will_run(qtbot: QtBot, file: SettingsFile) -> None:
    """Guards: our windows shown while the paper's run, or the paper's over what somebody chose."""
    preferences = Preferences(file, {"preset": "hispec", "recipe": "paper"})
    dialog = SettingsDialog(preferences)
    qtbot.addWidget(dialog)
    assert [box.value() for box in dialog.windows.boxes] == [2, 4]
    preferences.change(recipe="ours")
    ours = [stage.window.tokens for stage in PRESETS["hispec"].stages[:-1]]
    assert [box.value() for box in dialog.windows.boxes] == ours != [2, 4]
    preferences.change(recipe="paper", windows=(("hispec", (5, 6)),))
    assert [box.value() for box in dialog.windows.boxes] == [5, 6]


def test_windows_and_acceptance_reach_the_stages() -> None:
    """Guards: a window set for one level used for another; a lossy hierarchy that is not called so."""
    settings = Settings(windows=(("hsd", (2, 7)),))
    hsd = settings.hierarchy(PRESETS["hsd"])
    assert [stage.window.tokens for stage in hsd.stages] == [2, 7, PRESETS["hsd"].stages[-1].window.tokens]
    assert settings.hierarchy(PRESETS["hispec"]) == PRESETS["hispec"]
    lossy = Settings(acceptance="fuzzy", tolerance=0.5).hierarchy(PRESETS["hsd"])
    assert not lossy.lossless
    assert [stage.acceptance.tau for stage in lossy.stages[1:]] == [0.2, 0.25]
    exact = Settings(acceptance="exact").hierarchy(PRESETS["pyramid"])
    assert exact.lossless
    assert Settings(tolerance=0.1).hierarchy(PRESETS["pyramid"]).stages[1].acceptance.tau == 0.04
    assert Settings(tolerance=0.0).hierarchy(PRESETS["pyramid"]).lossless
    entropies = [
        stage.window.entropy for stage in Settings(windows=(("hispec", (9, 9)),)).hierarchy(PRESETS["hispec"]).stages
    ]
    assert entropies == [stage.window.entropy for stage in PRESETS["hispec"].stages]


def test_chat_settings_are_made_of_the_same_options() -> None:
    """Guards: an option of sampling that gets lost between a conversation and the form that shows it."""
    settings = Settings(**{name: OTHER[name] for name in NAMES})
    chat_settings = chat_settings_of(settings)
    assert values_of(chat_settings) == {name: OTHER[name] for name in NAMES}
    assert chat_settings.sampling == Chosen(0.25, 40, 0.5, 0.1, 1.25, 7)
    assert changed(ChatSettings(), {"seed": 3}) == replace(ChatSettings(), sampling=Chosen(seed=3))
    assert chat_settings_of(Settings()) == ChatSettings()


def test_the_dialog_shows_and_changes_every_option(qtbot: QtBot, file: SettingsFile) -> None:
    """Guards: an option the dialog lacks, shows wrongly, or does not hand on."""
    preferences = Preferences(file)
    dialog = SettingsDialog(preferences)
    qtbot.addWidget(dialog)
    dialog.show()
    assert set(dialog.fields) == set(OPTIONS)
    for name, value in OTHER.items():
        dialog.fields[name].changed.emit(value)
        assert getattr(preferences.settings, name) == value
    again = SettingsDialog(Preferences(file))
    qtbot.addWidget(again)
    told: list[object] = []
    for field in again.fields.values():
        field.changed.connect(told.append)
    again.preferences.change(theme="system")  # from elsewhere
    assert told == []
    assert again.fields["theme"].inner.currentData() == "system"  # type: ignore[attr-defined]
    assert again.fields["font_size"].inner.value() == 18  # type: ignore[attr-defined]
    assert again.fields["system_prompt"].inner.toPlainText() == OTHER["system_prompt"]  # type: ignore[attr-defined]
    assert [box.value() for box in again.windows.boxes] == [5]


def test_the_dialog_by_keyboard(qtbot: QtBot, file: SettingsFile) -> None:
    """Guards: pages and fields only a mouse reaches; half a number, or half a sentence, taken over."""
    preferences = Preferences(file)
    preferences.change(preset="hispec")  # whose windows can be set
    dialog = SettingsDialog(preferences)
    qtbot.addWidget(dialog)
    dialog.show()
    QTest.keyClick(dialog.sections, Qt.Key.Key_Down)
    assert dialog.pages.currentIndex() == 1
    box = dialog.windows.boxes[0]
    box.selectAll()
    QTest.keyClicks(box, "12")
    assert preferences.settings.windows == ()
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert preferences.file.read()[0].windows[0][1][0] == 12
    assert dialog.isVisible()  # Enter confirms the number, not the dialog
    QTest.keyClick(dialog.sections, Qt.Key.Key_Up)
    edit = dialog.fields["system_prompt"].inner
    assert isinstance(edit, QPlainTextEdit)
    with qtbot.waitSignal(preferences.changed):
        QTest.keyClicks(edit, "Be brief.")
    assert preferences.settings.system_prompt == "Be brief."


def test_windows_follow_the_hierarchy_shown(qtbot: QtBot, file: SettingsFile) -> None:
    """Guards: the windows of one hierarchy written over those of another; no way back to those it was made with."""
    preferences = Preferences(file)
    dialog = SettingsDialog(preferences)
    qtbot.addWidget(dialog)
    preferences.change(preset="hsd")
    made = [stage.window.tokens for stage in PRESETS["hsd"].stages[:-1]]
    assert [box.value() for box in dialog.windows.boxes] == made
    dialog.windows.boxes[1].setValue(9)
    preferences.change(preset="draft")
    dialog.windows.boxes[0].setValue(3)
    assert dict(preferences.settings.windows) == {"hsd": (made[0], 9), "draft": (3,)}
    as_made = next(b for b in dialog.windows.findChildren(type(dialog.fields["data_folder"].usual)) if b.isEnabled())  # type: ignore[attr-defined]
    as_made.click()
    assert dict(preferences.settings.windows) == {"hsd": (made[0], 9)}
    preferences.change(preset="plain")
    assert dialog.windows.boxes == []


def test_settings_reach_the_next_question(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: settings that are kept and used by nobody."""
    running = start()
    running.preferences.change(temperature=0.0, seed=5, max_tokens=32, system_prompt="Be brief.")
    running.preferences.change(preset="hsd", windows=(("hsd", (2, 2)),), acceptance="fuzzy")
    assert running.window.topbar.presets["hsd"].iconText() == "HSD · lossy"
    ask(running, "Hi")
    assert session.asked == [(("system", "Be brief."), ("user", "Hi"))]
    preset, sampling, most = session.options[0]
    assert (sampling, most) == (Chosen(temperature=0.0, seed=5), 32)
    assert [stage.window.tokens for stage in preset.stages[:2]] == [2, 2]
    assert not preset.lossless


def test_settings_of_one_chat_leave_the_others_alone(
    start: Start, ask: Ask, session: ScriptedSession, qtbot: QtBot
) -> None:
    """Guards: a chat's own settings taken for those of all, or lost; named ones that do not come back."""
    running = start()
    window = running.window
    ask(running, "One")
    dialog = window.dialogs.chat_settings()
    box = dialog.fields["max_tokens"].inner
    assert isinstance(box, QSpinBox)
    box.setValue(48)
    dialog.name.setText("Short")
    dialog.keep.click()
    qtbot.waitUntil(lambda: dialog.names.findText("Short") > 0)
    dialog.close()
    window.menus.actions["New chat"].trigger()
    ask(running, "Two")
    assert [most for _, _, most in session.options] == [None, None]
    again = window.dialogs.chat_settings()
    qtbot.waitUntil(lambda: again.names.findText("Short") > 0)
    again.names.activated.emit(again.names.findText("Short"))
    ask(running, "Three")
    assert session.options[-1][2] == 48
    assert running.preferences.settings.max_tokens == 0


@pytest.mark.parametrize("size", [14, 24, 32])
def test_no_dialog_is_cut_off_in_large_text(start: Start, qtbot: QtBot, size: int) -> None:
    """Guards: sections that end in "Generati", and a system prompt whose box has lost its lower edge."""
    running = start()
    running.preferences.change(font_size=size)
    for names in (running.window.dialogs.settings().sections, running.window.dialogs.about().names):
        qtbot.waitUntil(names.isVisible)
        assert names.sizeHintForColumn(0) <= names.viewport().width()
    field = running.window.dialogs.chat_settings().fields["system_prompt"]
    qtbot.waitUntil(field.isVisible)
    qtbot.waitUntil(lambda: field.inner.visibleRegion().boundingRect().size() == field.inner.size())


def test_amounts_are_told_as_everywhere(qtbot: QtBot, file: SettingsFile) -> None:
    """Guards: "8192 tokens" beside "8,192", and a seed with commas in it."""
    dialog = SettingsDialog(Preferences(file))
    qtbot.addWidget(dialog)
    texts = {}
    for name, value in (("room", 2048), ("seed", 2048)):
        box = dialog.fields[name].inner
        assert isinstance(box, QSpinBox)
        box.setLocale(QLocale(QLocale.Language.English))
        box.setValue(value)
        texts[name] = box.text()
    assert texts == {"room": "2,048 tokens", "seed": "2048"}


def test_enter_in_a_field_presses_no_button(qtbot: QtBot, file: SettingsFile) -> None:
    """Guards: Enter beside one folder that asks for another, because Qt presses the first button of a dialog."""
    dialog = SettingsDialog(Preferences(file))
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.show_section("folders")
    pressed: list[str] = []
    for button in dialog.findChildren(QPushButton):
        button.clicked.disconnect()  # none is to open its folder here
        button.clicked.connect(partial(pressed.append, button.text()))
    for field in dialog.findChildren(FolderField):
        QTest.keyClick(field.path, Qt.Key.Key_Return)
    assert pressed == []
    assert dialog.isVisible()


def test_windows_are_named_as_in_the_panel() -> None:
    """Guards: a window for "Draft model" beside a panel that speaks of a guesser."""
    named = {name: [level_name(stage, at) for at, stage in enumerate(PRESETS[name].stages[:-1])] for name in PRESETS}
    assert named["plain"] == []
    assert named["lookup"] == ["Copier: what the chat has said"]
    assert named["hispec"] == ["Guesser: first 1/8 of the layers", "Checker: first 1/4 of the layers"]
    assert named["hsd"] == ["Guesser: draft model", "Checker: qualifier model"]


def test_other_weights_load_the_model_anew(start: Start, qtbot: QtBot) -> None:
    """Guards: a choice of weights that waits for the next start without a word, and one the engine does not know."""
    kind = OPTIONS["weights"].kind
    assert isinstance(kind, Choice)
    assert set(kind.titles) == set(get_args(Weights))
    running = start()
    opened: list[object] = []
    running.worker.opened.connect(lambda opening, _: opened.append(opening.models))
    running.preferences.change(weights="4 bits")
    qtbot.waitUntil(lambda: opened == [running.chat.models])
