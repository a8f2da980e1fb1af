"""The terminal: what it prints, what it writes, how it fails."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.config import ModelSet
from engine.events import Drafting, Finished, LevelInfo, Loading, Pass, Round, Started, Token
from engine.terminal import Terminal


class Screen(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(family: ModelSet, *arguments: str) -> int:
    return main([*arguments, "--model", str(family.target.parent), "--device", "cpu", "--max-tokens", "12"])


def test_ask_prints_the_text_and_a_summary(
    family: ModelSet, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In a pipe the reply is plain text; the log ends in the figures a script needs."""
    log = tmp_path / "events.jsonl"
    assert run(family, "ask", "The fox?", "--preset", "draft", "--seed", "1", "--json", str(log)) == 0
    printed = capsys.readouterr()
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    end = events[-1]
    assert end["event"] == "finished"
    assert printed.out == end["text"] + "\n"
    assert "\x1b" not in printed.out
    assert end["tokens"] == 12
    assert end["reason"] == "length"
    assert end["tokens_per_second"] == pytest.approx(12 / end["seconds"])
    assert "Target" in printed.err
    assert "plain decoding" in printed.err
    assert {event["event"] for event in events} >= {"started", "prefill", "drafting", "round", "plainpace"}


def test_chat_keeps_the_conversation(
    family: ModelSet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second question must be asked in the light of the first."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n\nagain\n/quit\nnever asked\n"))
    log = tmp_path / "events.jsonl"
    assert run(family, "chat", "--preset", "draft", "--json", str(log)) == 0  # one that does not change its levels
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    started = [event for event in events if event["event"] == "started"]
    assert len(started) == 2
    assert started[1]["reused"] >= started[0]["prompt"] - 1
    assert capsys.readouterr().out.count("\n") >= 2


def test_nobody_is_slowed_unasked(family: ModelSet, tmp_path: Path) -> None:
    """An ordinary model read at early exits it was never trained for answers three times slower than by itself."""
    for models, method in ((family.target, "lookup"), (family.target.parent, "hsd")):
        log = tmp_path / "events.jsonl"
        assert main(["ask", "The fox?", "--model", str(models), "--max-tokens", "2", "--json", str(log)]) == 0
        told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        assert [event["preset"] for event in told if event["event"] == "started"] == [method]


def test_failures_are_a_sentence(family: ModelSet, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No traceback for a wrong folder, a wrong setting or a file that cannot be written."""
    assert main(["ask", "x", "--model", str(tmp_path / "nothing")]) == 1
    assert run(family, "ask", "x", "--temperature", "-1") == 1
    assert run(family, "ask", "x", "--json", str(tmp_path / "no" / "folder")) == 1
    assert run(family, "bench", "--json", str(tmp_path / "no" / "folder")) == 1
    assert run(family, "ask", "x", "--seed", str(1 << 80)) == 1
    assert main(["ask", "x", "--device", "mps"]) == 1
    (tmp_path / "model.gguf").touch()
    for chosen in ("model.gguf", ""):
        assert main(["ask", "x", "--model", str(tmp_path / chosen)]) == 1
    assert run(family, "ask", " ") == 1
    assert main(["bench", "--presets", "hsd", "--model", str(family.target)]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("Loading")]
    assert len(said) == 10
    assert sum("which has to be imported before it runs" in line for line in said) == 2
    assert all(line.startswith("updraft: ") and line.endswith(".") for line in said)


@pytest.mark.parametrize("words", [("--max-tokens", "0"), ("--context", "-5"), ("--rates", "0.5", "2")])
def test_numbers_that_mean_nothing_are_refused(family: ModelSet, words: tuple[str, ...]) -> None:
    """An answer of no tokens looks like a model with nothing to say, a benchmark of none divides by them."""
    with pytest.raises(SystemExit):
        run(family, "bench", *words)


def test_bytes_that_are_no_text_are_asked_all_the_same(
    family: ModelSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of another encoding, piped in, reaches the tokenizer as halves of characters it refuses."""
    for errors in ("strict", "surrogateescape"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9?"), "utf-8", errors))
        assert run(family, "ask", "-", "--max-tokens", "2") == 0
    assert capsys.readouterr().out


def test_colours_tell_the_levels_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wrote a token, and what was struck out, must be readable in a terminal."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out, err = Screen(), Screen()
    terminal = Terminal(out, err)
    levels = tuple(LevelInfo(name, "", "exit") for name in ("Draft", "Intermediate", "Target"))
    terminal.show(Started("hispec", levels, True, 1, 0, 10, "CPU"))
    tokens = (
        Token(1, "one", 0, 2),
        Token(2, "bad", 0, 0, rejected_by=1),
        Token(3, "gone", 0, 0, discarded=True),
        Token(4, "two", 1, 2),
        Token(5, "three", 2, 2),
    )
    terminal.show(Round(0, tokens, (Pass(2, "verify", 3, 0.0, 0.01),), "onetwothree", 0.0, 0.01))
    for index in range(1, 20):
        terminal.show(Round(index, tokens, (Pass(2, "verify", 3, 0.0, 0.01),), "onetwothree", 0.0, 0.01))
    terminal.show(Finished("onetwothree" * 20, 60, 0.2, 300.0, "end", 0.0, 0.1, 0.01))
    shown = out.getvalue()
    assert "\x1b[32mone\x1b[0m" in shown
    assert "\x1b[9;31mbad\x1b[0m" in shown
    assert "gone" not in shown
    assert "\x1b[33mtwo\x1b[0m" in shown
    assert "\x1b[4;34mthree\x1b[0m" in shown
    assert (
        "HiSpec: 60 tokens · 300 tokens/s · about 0.5× (± 0.1) plain: slower here · exact · took 0.2\u00a0s, plain "
        in (err.getvalue())
    )


def test_a_lossy_reply_is_called_so(family: ModelSet, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The dial decides: at 0 nothing is tolerated and nothing is said; the log and the last line count the rest."""
    log = tmp_path / "log.jsonl"
    lossy = ("--preset", "draft", "--acceptance", "likely", "--max-tokens", "4", "--temperature", "0")
    for dial, word in (("1", "lossy: 0 not the big model’s own"), ("0", "exact")):
        assert run(family, "ask", "Hello?", *lossy, "--tolerance", dial, "--json", str(log)) == 0
        assert word in capsys.readouterr().err
        events = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        assert [event["lossless"] for event in events if event["event"] == "started"] == [dial == "0"]
        assert events[-1]["foreign"] == 0


def test_a_comparison_nobody_can_make_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A factor from too few tokens, or while something else ran, is a number without a meaning."""
    for tokens, why in ((12, "the answer is too short"), (60, "this computer was busy with something else")):
        out, err = Screen(), Screen()
        terminal = Terminal(out, err)
        levels = tuple(LevelInfo(name, "", "exit") for name in ("Draft", "Target"))
        terminal.show(Started("hispec", levels, True, 1, 0, 10, "CPU"))
        terminal.show(Finished("", tokens, 0.2, 300.0, "end", 0.0, None, None, "busy"))
        assert f"not compared with plain decoding: {why}\n" in err.getvalue()


def test_what_a_model_writes_steers_no_terminal() -> None:
    """Titles, clipboards and cursors are the terminal's owner's; a sequence may also come in pieces."""
    for screen in (Screen, io.StringIO):
        out, err = screen(), screen()
        terminal = Terminal(out, err)
        terminal.show(Loading("evil\x1b]0;title\x07 target", 0.5))
        terminal.show(Started("plain", (LevelInfo("Target\x1b[2J", "", "model"),), True, 1, 0, 10, "CPU"))
        for index, text in enumerate(("a\x1b", "]52;c;QQ==\x07", "\x9b2J\r", "b\tc\n")):
            token = Token(index, text, 0, 0)
            terminal.show(Drafting((token,)))
            terminal.show(Round(index, (token,), (Pass(0, "draft", 1, 0.0, 0.01),), text, 0.0, 0.01))
        terminal.show(Finished("", 4, 0.2, 300.0, "end", 0.0, None))
        ours = re.compile("\x1b\\[[0-9;]*[msuJK]")  # colours, the cursor kept and put back, what follows it cleared
        both = ours.sub("", out.getvalue() + err.getvalue().replace("\r\x1b[K", ""))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", both)
        assert "a␛]52;c;QQ==␇<009B>2J␍b\tc\n" in out.getvalue() or screen is Screen
        assert terminal.text == "a\x1b]52;c;QQ==\x07\x9b2J\rb\tc\n", "the next question shows the model its own words"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_stream_that_holds_few_characters_ends_no_answer(encoding: str) -> None:
    """On Windows whatever is redirected is not UTF-8: an answer with an emoji ended in a traceback."""
    code = (
        "import sys\n"
        "from engine.__main__ import speak\n"
        "speak()\n"
        "print('x\u2192\U0001f98a\u00e9', flush=True); print('\u2192', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=True
    )
    assert done.stdout.strip().startswith(b"x??")


def test_pending_tokens_never_scroll_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor is put back to where it stood; on a screen that scrolled meanwhile that is another line."""
    monkeypatch.setenv("COLUMNS", "12")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Screen()
    terminal = Terminal(out, Screen())
    terminal.show(Started("hispec", (LevelInfo("Target", "", "model"),) * 2, True, 1, 0, 10, "CPU"))
    terminal.show(Round(0, (Token(1, "one\ntwo", 1, 1),), (), "one\ntwo", 0.0, 0.01))
    before = len(out.getvalue())
    terminal.show(Drafting((Token(2, " fits", 0, 0), Token(3, "\n", 0, 0), Token(4, "does not fit", 0, 0))))
    shown = out.getvalue()[before:]
    assert " fits" in shown
    assert "⏎" in shown
    assert "\n" not in shown
    assert "does not" not in shown


def test_the_engine_knows_no_windows(family: ModelSet) -> None:
    """Importing Qt from the engine would make it unusable on a server."""
    code = "import sys, engine.session, engine.__main__; sys.exit('PySide6' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
