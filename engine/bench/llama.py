"""llama.cpp on a GGUF file, in a process of its own: found where somebody installed it, asked for one answer at a time.

It runs through node-llama-cpp, which brings it ready to run: ``npm install node-llama-cpp`` in some folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from engine.config import Sampling
from engine.errors import UpdraftError
from engine.library.gguf import convert

VARIABLE = "UPDRAFT_LLAMA_CPP"  # names a folder in which node-llama-cpp is installed
SCRIPT = Path(__file__).with_name("llama.mjs")
_ENTRY = Path("node_modules", "node-llama-cpp", "dist", "index.js")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: ``prompt`` is the seconds to its first token, ``seconds`` those of the ``tokens`` that followed."""

    prompt: float
    tokens: int
    seconds: float


def command(file: Path) -> list[str]:
    """Return what starts llama.cpp on ``file``, but for the numbers LlamaCpp adds.

    It is looked for in the folder that VARIABLE names or, without one, in the current folder. Raises UpdraftError.
    """
    if not file.is_file():
        raise UpdraftError(f"{file} is not a file.", "Name the GGUF file that llama.cpp is to run.")
    folder = Path(os.environ.get(VARIABLE) or Path.cwd())
    node, entry = shutil.which("node"), folder / _ENTRY
    if node is None or not entry.is_file():
        raise UpdraftError(
            f"llama.cpp was not found: there is no {'node' if node is None else f'node-llama-cpp in {folder}'}.",
            f"Install Node.js, run “npm install node-llama-cpp” in a folder, and let {VARIABLE} name that folder.",
        )
    return [node, str(SCRIPT), str(entry), str(file.absolute())]


@contextmanager
def converted(file: Path) -> Iterator[Path]:
    """Give the same model as a folder that Updraft runs, for as long as the ``with`` block lasts.

    Raises LibraryError or CheckpointError for a file that cannot be converted.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as rest:
        folder = Path(rest, file.stem)
        for _ in convert(file, folder):
            pass
        yield folder


class LlamaCpp:
    """A llama.cpp that ``command`` starts, see above; ends with the ``with`` block.

    ``threads``: how many compute, at most. ``room``: tokens of a prompt and its answer together. ``release`` is its
    version. Raises UpdraftError where it does not start or ends before its time.
    """

    def __init__(self, command: Sequence[str], threads: int, room: int) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - what was found above
            [*command, str(threads), str(room)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        try:
            ready = self._hear()
        except BaseException:
            self.close()
            raise
        self.release, self.threads = str(ready["release"]), int(ready["threads"])

    def answer(self, ids: Sequence[int], tokens: int, sampling: Sampling) -> Answer:
        """Read the prompt ``ids`` and write at most ``tokens`` tokens."""
        request = {
            "ids": list(ids),
            "tokens": tokens,
            "temperature": sampling.temperature,
            "topK": sampling.top_k,
            "topP": sampling.top_p,
            "minP": sampling.min_p,
        }
        with suppress(OSError):  # what it said last tells why
            print(json.dumps(request), file=self._child.stdin, flush=True)
        return Answer(**self._hear())

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was left to send has nobody to hear it
                    pipe.close()

    def __enter__(self) -> LlamaCpp:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _hear(self) -> dict[str, Any]:
        """Return the next line that is meant for us; libraries may print others."""
        for line in self._child.stdout or ():
            if line.startswith("{"):
                value: dict[str, Any] = json.loads(line)
                if "error" in value:
                    raise UpdraftError(f"llama.cpp failed: {value['error']}.", "Try the same file in llama.cpp itself.")
                return value
        raise UpdraftError("llama.cpp ended without an answer.", "Try the same file in llama.cpp itself.")
