"""Tries a bundle as a person would who has nothing else: on a virtual screen, with an empty home and no network.

python packaging/smoke.py build/bundle/Updraft           a folder, or an archive that build.py has packed
python packaging/smoke.py BUNDLE --pictures FOLDER       also keeps what was to be seen

Needs Linux, Xvfb, xdotool and the environment that packaging/check.py makes. Says what came of every try, how long the
window took, and how large the bundle is; ends with 1 where a try failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bundle.alone import Alone, can_isolate, end, files, foreign_files
from bundle.screen import Screen, ink, marks, screen, until
from installing import ROOT
from PIL import Image

OLD = ROOT / "tests" / "app" / "conversations" / "data" / "version1.sql"  # an earlier version's conversations
QUESTION = "Write this sentence four times: The quick brown fox jumps over the lazy dog."
METHODS = {"draft": "Draft", "hsd": "Draft", "pyramid": "Qualifier"}  # on the starter, and a level of each
DRAFTERS = {"head": "Head", "block": "Block"}  # likewise, where the bundle has them
MODELS = "program/assets/model"
SHORT = ("--max-tokens", "96")
COURSE = ("--what", "head", "--minutes", "0.9", "--batch", "256")  # two portions of replies take 0.7 of them at most
SIDEBAR = (12, 150, 220, 600)  # where conversations are listed
FIRST = (100, 176)  # the first of them
WINDOW, ANSWER, LEAVE, COMMAND = 60.0, 150.0, 30.0, 400.0  # seconds, at most
MB = 1_000_000


@dataclass
class Report:
    """What came of each try."""

    lines: list[tuple[str, bool, str]] = field(default_factory=list)

    def note(self, what: str, passed: bool, more: str = "") -> None:
        """Add an outcome, and say it."""
        self.lines.append((what, passed, more))
        print(f"{'passed' if passed else 'FAILED'}  {what}{': ' if more else ''}{more}", flush=True)

    @property
    def passed(self) -> bool:
        """True where every try passed, and there was one."""
        return bool(self.lines) and all(passed for _, passed, _ in self.lines)


class Smoke:
    """Carries out the tries, one after the other, each in the state that the one before left."""

    def __init__(self, bundle: Path, work: Path, seen: Screen, pictures: Path, *, isolated: bool) -> None:
        self.bundle, self.work, self.screen, self.pictures, self.isolated = bundle, work, seen, pictures, isolated
        self.report = Report()
        self.home = work / "home"
        self.log = work / "said.txt"

    def run(self) -> None:
        """Try everything."""
        folder = self.work / 'Löwe und 龙, "quoted" $HOME 100%' / "Updraft"
        folder.parent.mkdir()
        shutil.move(self.bundle, folder)
        before = files(folder)
        self.first(self.alone(folder))
        self.report.note("nothing was written into the bundle", files(folder) == before)
        moved = self.work / "moved"
        folder.rename(moved)
        self.again(self.alone(moved))
        self.older(self.alone(moved, self.work / "older"))
        self.terminal(self.alone(moved))
        self.taught(self.alone(moved))
        shutil.move(moved, self.bundle)

    def alone(self, folder: Path, home: Path | None = None) -> Alone:
        """Return the bundle in ``folder``, with nothing else."""
        return Alone(folder, home or self.home, self.work / "tools", self.screen.name, self.isolated)

    def first(self, alone: Alone) -> None:
        """A first start: the window, a question, an answer with its marks, and out again."""
        began = time.monotonic()
        process = alone.start(*SHORT, said=self.log)
        try:
            there = until(self.screen.painted, WINDOW, 0.02)
            self.report.note("first start, odd folder, no network: window", there, f"{time.monotonic() - began:.2f} s")
            self.picture("first")
            self.past_greetings()
            self.picture("welcome")
            self.screen.write(QUESTION)
            self.screen.press("Return")
            answered = until(lambda: bool(answers(alone.home)), ANSWER, 0.3)
            self.report.note("a question is answered", answered, "".join(answers(alone.home))[:60])
            time.sleep(1)
            seen = marks(self.picture("answered"))
            self.report.note("its marks are to be seen", seen > 1000, f"{seen} pixels")
            strangers = foreign_files(process, alone.folder, alone.home)
            self.report.note("no library from elsewhere", not strangers, ", ".join(sorted(strangers)[:3]))
            self.leave(process, "quit")
        finally:
            end(process)

    def again(self, alone: Alone) -> None:
        """A second start, from elsewhere and through a link: the conversation is there; a third finds the second."""
        link = self.work / "a link"
        link.symlink_to(alone.folder / "updraft")
        began = time.monotonic()
        process = alone.start(*SHORT, launcher=link, said=self.log)
        try:
            there = until(self.screen.painted, WINDOW, 0.02)
            self.report.note("after moving, through a link: window", there, f"{time.monotonic() - began:.2f} s")
            self.past_greetings()
            listed = until(lambda: ink(self.screen.picture(), SIDEBAR) > 100, 20)
            self.picture("again")
            self.report.note("the conversation is listed", listed)
            self.screen.click(*FIRST)
            opened = until(lambda: marks(self.screen.picture()) > 1000, 20)
            self.picture("opened")
            self.report.note("and opens with its marks", opened)
            other = alone.start(said=self.work / "second.txt")
            try:
                gave_way = until(lambda: other.poll() is not None, LEAVE) and other.returncode == 0
                self.report.note("twice at once: the second gives way", gave_way and process.poll() is None)
            finally:
                end(other)
            self.leave(process, "quit again")
        finally:
            end(process)

    def older(self, alone: Alone) -> None:
        """A start with the conversations of an earlier version."""
        data = alone.home / ".local" / "share" / "Updraft"
        data.mkdir(parents=True)
        made = sqlite3.connect(data / "conversations.sqlite3")
        made.executescript(OLD.read_text(encoding="utf-8"))
        made.close()
        process = alone.start(said=self.log)
        try:
            there = until(self.screen.painted, WINDOW, 0.02)
            self.past_greetings()
            listed = there and until(lambda: ink(self.screen.picture(), SIDEBAR) > 100, 20)
            self.picture("older")
            self.report.note("an earlier version's conversations are listed", listed)
            self.leave(process, "quit with them")
        finally:
            end(process)

    def terminal(self, alone: Alone) -> None:
        """Answers without a window, with the starter alone and with the smaller models that came for it."""
        done = self.ask(alone)
        self.report.note("an answer in the terminal", done.returncode == 0 and bool(done.stdout.strip()))
        brought = {name: level for name, level in DRAFTERS.items() if any((alone.folder / MODELS).glob(f"*/{name}"))}
        for preset, level in (METHODS | brought).items():
            done = self.ask(alone, "--preset", preset)
            answered = done.returncode == 0 and bool(done.stdout.strip())
            guessed = f"\n{level} (" in done.stderr  # the table below the answer has a line for it
            self.report.note(f"{preset} on the starter", answered and guessed, "" if guessed else done.stderr[-200:])

    def taught(self, alone: Alone) -> None:
        """A short course on the starter as if nothing drafted for it yet: what it made has a card and was tried."""
        began, made = time.monotonic(), self.work / "made"
        prompts = self.work / "prompts.txt"  # that are read soon, and answered soon
        prompts.write_text("".join(f"What is {each} plus {each}?\n" for each in range(40)), encoding="utf-8")
        starter = next(each for each in (alone.folder / MODELS).iterdir() if (each / "config.json").is_file())
        given = ("--model", str(starter), "--prompts", str(prompts), "--out", str(made))
        done = self.carried_out(alone, "teach", *COURSE, *given)
        card = made / "card.json"
        steps = json.loads(card.read_text(encoding="utf-8"))["steps"] if card.is_file() else 0
        said = done.stdout if done.returncode == 0 else done.stderr
        worth = next((line for line in said.splitlines() if "times as fast as without it" in line), said[-200:])
        self.report.note(
            "the starter is taught", steps > 0 and worth.startswith("Answers come"), f"{steps} steps. {worth}"
        )
        print(f"        in {time.monotonic() - began:.0f} s")

    def ask(self, alone: Alone, *more: str) -> subprocess.CompletedProcess[str]:
        """Ask in a terminal for a few words."""
        return self.carried_out(alone, "ask", "--max-tokens", "8", "--temperature", "0", *more, "Name a colour.")

    def carried_out(self, alone: Alone, *words: str) -> subprocess.CompletedProcess[str]:
        """Have the terminal's program do something to its end."""
        return subprocess.run(
            alone.command(words), env=alone.variables(), capture_output=True, text=True, timeout=COMMAND, check=False
        )

    def past_greetings(self) -> None:
        """End what a first start shows by itself, and the wizard, as a person does who wants neither."""
        time.sleep(1.5)
        for _ in range(3):
            self.screen.press("Escape")
            time.sleep(0.5)

    def leave(self, process: subprocess.Popen[bytes], what: str) -> None:
        """Quit by the keyboard."""
        self.screen.press("ctrl+q")
        left = until(lambda: process.poll() is not None, LEAVE)
        said = self.log.read_text(encoding="utf-8", errors="replace").strip()
        self.report.note(what, left and process.returncode == 0, said[-200:])

    def picture(self, name: str) -> Image.Image:
        """Keep what is to be seen."""
        return self.screen.keep(self.pictures / f"{name}.png")


def answers(home: Path) -> list[str]:
    """Return the answers that are complete, from what the program has saved."""
    data = home / ".local" / "share" / "Updraft" / "conversations.sqlite3"
    if not data.exists():
        return []
    try:
        reading = sqlite3.connect(f"file:{data}?mode=ro", uri=True, timeout=1)
    except sqlite3.Error:
        return []
    try:
        rows = reading.execute("SELECT text FROM messages WHERE role = 'assistant' AND outcome = 'finished'")
        return [text for (text,) in rows]
    except sqlite3.Error:
        return []
    finally:
        reading.close()


def unpacked(bundle: Path, work: Path) -> Path:
    """Return the bundle's folder, unpacking an archive, or a copy that may be moved about."""
    if bundle.is_dir():
        copy = work / "Updraft"
        shutil.copytree(bundle, copy, symlinks=True, copy_function=os.link)
        return copy
    subprocess.run(["tar", "--extract", "--file", bundle, "--directory", work], check=True, timeout=300)
    return work / "Updraft"


def main() -> int:
    """Try the bundle and sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            print(f"This needs {tool}: sudo apt install xvfb xdotool", file=sys.stderr)
            return 1
    isolated = can_isolate()
    if not isolated:
        print("This system gives no user a network of nothing: the network is not closed, the folder can be written.")
    bundle = options.bundle.absolute()
    with tempfile.TemporaryDirectory(dir=bundle.parent, prefix="smoke-") as folder, screen() as seen:
        work = Path(folder)
        pictures = options.pictures or work / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        smoke = Smoke(unpacked(bundle, work), work, seen, pictures, isolated=isolated)
        smoke.run()
        whole = sum(path.lstat().st_size for path in (work / "Updraft").rglob("*") if not path.is_dir())
    print(f"\n{whole / MB:.0f} MB unpacked")
    failed = sum(not passed for _, passed, _ in smoke.report.lines)
    print(f"{len(smoke.report.lines) - failed} passed, {failed} failed")
    return 0 if smoke.report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
