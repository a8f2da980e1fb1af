"""llama.cpp beside Updraft: a stand-in speaks the real protocol, so that every figure of its is known beforehand."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.bench.llama import SCRIPT, VARIABLE, LlamaCpp, command
from engine.bench.race import TIMES, race
from engine.config import PRESETS, ModelSet, Sampling
from engine.errors import UpdraftError
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish

STAND_IN = """
import json, sys
print("a library says hello")
print(json.dumps({"release": "b1", "threads": int(sys.argv[2])}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(line, end="", file=open(sys.argv[1], "a"))
    rest = asked["tokens"] - 1
    print(json.dumps({"prompt": len(asked["ids"]) / 500, "tokens": rest, "seconds": rest / 100}), flush=True)
"""


def _stand_in(tmp_path: Path, source: str = STAND_IN) -> list[str]:
    script = tmp_path / "stand_in.py"
    script.write_text(source, encoding="utf-8")
    return [sys.executable, str(script), str(tmp_path / "asked.jsonl")]


def test_both_answer_the_same_prompts_in_turns(family: ModelSet, tmp_path: Path) -> None:
    """A rival with other prompts, or other settings, is measured at another task; its figures must be its own."""
    session = finish(Session.open(family, "cpu"))
    sampling = Sampling(temperature=0.6, top_k=5)
    with LlamaCpp(_stand_in(tmp_path), 1, 64) as rival:
        found = race(session, rival, [PRESETS["lookup"]], sampling, 6, lambda _: None, context=16)
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text(encoding="utf-8").splitlines()]
    prompts = asked[1 : 1 + len(PROMPTS)]
    assert [each["ids"] for each in prompts] == [session.tokenizer.render([("user", prompt)]) for prompt in PROMPTS]
    assert all((each["temperature"], each["topK"], each["tokens"]) == (0.6, 5, 6) for each in prompts)
    assert len(asked) == 1 + len(PROMPTS) + 1 + TIMES
    assert [speed.name for speed in found.speeds] == ["llama.cpp", "plain", "lookup"]
    assert found.speeds[0].tokens_per_second == pytest.approx(100)
    assert found.reading[0].tokens_per_second == pytest.approx(500)
    table = found.table()
    assert "against llama.cpp b1" in table
    assert "x llama.cpp" in table
    value, error = found.speeds[1].ratio(found.speeds[0])
    assert f"{value:.2f} ± {error:.2f}" in table
    kept = json.loads(json.dumps(found.to_json()))
    assert kept["tokens_per_second"]["llama.cpp"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('print(\'{"error": "no such model"}\')', "llama.cpp failed: no such model."),
        ("print('nothing of ours')", "ended without an answer"),
        ('print(\'{"release": "b1", "threads": 1}\')', "ended without an answer"),
    ],
)
def test_a_rival_that_fails_is_a_sentence(tmp_path: Path, source: str, said: str) -> None:
    """Waiting for ever for a process that has ended, or a traceback, tells nobody what to do."""
    with pytest.raises(UpdraftError, match=said), LlamaCpp(_stand_in(tmp_path, source), 1, 64) as rival:
        rival.answer([1, 2], 3, Sampling())


def test_what_is_missing_is_told_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the file nor the program is there: each has its own sentence and a way out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert main(["bench", "--llama-cpp", "model.gguf"]) == 1
    (tmp_path / "model.gguf").touch()
    assert main(["bench", "--llama-cpp", "model.gguf"]) == 1
    missing, nowhere = capsys.readouterr().err.splitlines()
    assert "model.gguf is not a file" in missing
    assert "llama.cpp was not found" in nowhere
    assert VARIABLE in nowhere


FAKE_PACKAGE = """
export const LlamaLogLevel = {error: "error"};
export async function getLlama({build, gpu, maxThreads}) {
    if (build !== "never" || gpu !== false) throw new Error("would build or take a GPU");
    const sequence = {
        async clearHistory() { this.cleared = true; },
        async *evaluate(ids, {temperature}) {
            if (!this.cleared || temperature !== 0.5) throw new Error("asked wrongly");
            for (const id of ids) yield id;
        },
    };
    const context = {currentThreads: maxThreads, getSequence: () => sequence};
    return {llamaCppRelease: {release: "b2"}, loadModel: async () => ({createContext: async () => context})};
}
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node-llama-cpp needs Node.js")
def test_the_script_asks_the_package_and_answers_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script in Node over a stand-in of the package: tokens behind the first are counted, errors are told."""
    package = tmp_path / "node_modules" / "node-llama-cpp"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (package / "dist" / "index.js").write_text(FAKE_PACKAGE, encoding="utf-8")
    (tmp_path / "model.gguf").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    start = command(tmp_path / "model.gguf")
    assert str(SCRIPT) in start
    with LlamaCpp(start, 3, 64) as rival:
        assert (rival.release, rival.threads) == ("b2", 3)
        assert rival.answer([1, 2, 3, 4, 5], 3, Sampling(temperature=0.5)).tokens == 2
        assert rival.answer([1, 2], 9, Sampling(temperature=0.5)).tokens == 1
        with pytest.raises(UpdraftError, match="asked wrongly"):
            rival.answer([1], 1, Sampling(temperature=0.9))
