"""The virtual environment of run.py and check.py, with a Python on disk in place of the one that takes minutes."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from environment import Environment, drop_torn
from installing import PYTHON, TORCH, SetupFailed, clean_variables, diagnosis, told
from locked import NAME as LOCK
from locked import name_of, requirements, sections
from machine import Machine, driver_present, torch_notice, torch_warning
from preparing import asked, installation, needs_cuda_libraries, prepare, put_on_path, torch_due, torch_key

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a script with a #! line")

CPU = Machine("linux", driver=False)
ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = sys.executable  # before a test puts its stand-in there

# A program that answers like Python where the environment asks it to: it makes environments of itself, writes
# down what pip is asked for, and fails with the words in the file "failure" while there is one.
STAND_IN = """#!{python} -IS
import json, sys
from pathlib import Path
here, words = Path({here!r}), sys.argv[1:]
with open(here / "log", "a") as log:
    if "--requirement" in words:  # its file changes from call to call, so the packages' names are written down
        text = Path(words[-1]).read_text()
        words[-1] = " ".join(line.split("==")[0] for line in text.splitlines() if line[:1].strip())
    log.write(json.dumps(words) + "\\n")
if (here / "failure").exists() and words[0] == "-m":
    sys.exit((here / "failure").read_text())
if words[:2] == ["-m", "venv"]:
    import shutil
    folder = Path(words[-1])
    if "--clear" in words:
        shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(here / "python", folder / "bin")
elif words[0] == "-c":
    print("" if "cuda" in words[1] else {version!r})
"""


class StandIn:
    """A Python on disk, what it was asked for, and the environment it makes."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "stand-in"
        self.here.mkdir()
        self.python = self.here / "python"
        self.speak(PYTHON)
        self.environment = Environment(folder / "checkout" / ".venv")
        self.root = folder / "checkout"
        self.root.mkdir()
        for name in ("pyproject.toml", LOCK):
            shutil.copy(ROOT / name, self.root)

    def speak(self, version: str) -> None:
        """Become a Python of another version."""
        self.python.write_text(
            STAND_IN.format(python=INTERPRETER, here=str(self.here), version=version), encoding="utf-8"
        )
        self.python.chmod(0o755)

    def fail(self, words: str | None) -> None:
        """Fail from now on with ``words`` as error messages, or, with None, no more."""
        (self.here / "failure").unlink(missing_ok=True)
        if words is not None:
            (self.here / "failure").write_text(words, encoding="utf-8")

    def asked(self) -> list[list[str]]:
        """Return the command lines since the last call, questions left out."""
        log = self.here / "log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [words for words in map(json.loads, lines) if words[0] == "-m" and "--dry-run" not in words]

    def prepare(self, machine: Machine = CPU, *, checks: bool = False) -> list[list[str]]:
        """Prepare the environment and return what was run for it."""
        prepare(self.environment, machine, checks=checks, root=self.root)
        return self.asked()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path)
    monkeypatch.setattr(sys, "executable", str(stand_in.python))
    return stand_in


LOCKED = sections((ROOT / LOCK).read_text(encoding="utf-8"))


def install(*arguments: str) -> list[str]:
    return ["-m", "pip", "install", "--no-compile", *arguments]


def locked(*names: str) -> list[str]:
    """Return the command that installs these sections of the lock file and nothing else."""
    packages = dict.fromkeys(line for name in names for line in requirements(LOCKED[name]))
    return install("--no-deps", "--require-hashes", "--requirement", " ".join(name_of(one) for one in packages))


def test_all_is_locked_and_torch_comes_first(stand_in: StandIn) -> None:
    """A package of a version nobody tried, a file nobody has the hash of, or gigabytes of another torch."""
    assert stand_in.prepare(checks=True) == [
        ["-m", "venv", "--clear", str(stand_in.environment.folder)],
        locked("torch-cpu"),
        locked("run", "cuda", "check"),
    ]


def test_torch_is_the_large_build_where_there_is_no_other(stand_in: StandIn) -> None:
    """An index without torch's CPU build, and no torch at all; or the CPU build beside an NVIDIA driver."""
    assert stand_in.prepare(Machine("linux", driver=True))[1] == locked("torch")
    stand_in.environment.forget("torch")
    script = stand_in.environment.python
    refusing = "if '--dry-run' in words: sys.exit('none')\nif words[:2]"
    script.write_text(script.read_text(encoding="utf-8").replace("if words[:2]", refusing), encoding="utf-8")
    assert stand_in.prepare()[0] == locked("torch")


@pytest.mark.parametrize("name", ["checkout", "Löß и 猫 'quoted' \\ folder"])
def test_it_runs_from_its_checkout_wherever_that_is(tmp_path: Path, name: str) -> None:
    """Updraft found only in the folder it was started in, or lost where a path is not ASCII."""
    environment = Environment(tmp_path / "venv")
    root = tmp_path / name
    (root / "engine").mkdir(parents=True)
    (root / "engine" / "__init__.py").write_text("print('found')", encoding="utf-8")
    put_on_path(environment, root)
    start = f"import site; site.addsitedir({str(environment.packages)!r}); import engine"
    found = subprocess.run(
        [INTERPRETER, "-ISc", start], cwd=tmp_path, capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    assert (found.stdout, found.stderr) == ("found\n", "")


def test_nothing_of_it_is_installed_into_anybodys_python() -> None:
    """A wheel that puts packages named app, engine and assets among everyone's."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "build-system" not in settings
    assert not {"scripts", "gui-scripts", "entry-points"} & set(settings["project"])


def test_the_newest_is_everything_that_is_asked_for() -> None:
    """A check of newer versions without the checks, or without the kernels."""
    assert {"torch", "cuda-core", "pytest"} <= {name_of(one) for one in asked(ROOT)}


def test_a_second_start_runs_nothing(stand_in: StandIn) -> None:
    """Seconds of pip before every window; and checks that make the next plain start install again."""
    stand_in.prepare(checks=True)
    assert stand_in.prepare(checks=True) == []
    assert stand_in.prepare() == []


def test_checks_after_a_plain_start_install_only_the_rest(stand_in: StandIn) -> None:
    """check.py that trusts run.py's record and then finds no pytest."""
    stand_in.prepare()
    assert stand_in.prepare(checks=True) == [locked("run", "cuda", "check")]


@pytest.mark.parametrize(("step", "sign"), [(0, "venv"), (1, "torch"), (2, "filelock")])
def test_an_interruption_costs_one_step(stand_in: StandIn, step: int, sign: str) -> None:
    """A failed step that is put on record, or completed steps that are done again."""
    script = stand_in.python.read_text(encoding="utf-8")
    stops = f"if {sign!r} in [*words, *words[-1].split()]: sys.exit('cut')\n"
    stand_in.python.write_text(script.replace("if words[:2]", stops + "if words[:2]"), encoding="utf-8")
    with pytest.raises(SetupFailed):
        stand_in.prepare()
    assert len(stand_in.asked()) == (1, 2, 3)[step]
    stand_in.speak(PYTHON)
    if step > 0:
        shutil.copy(stand_in.python, stand_in.environment.python)
    assert len(stand_in.prepare()) == (3, 2, 1)[step]


def test_a_changed_dependency_is_installed(stand_in: StandIn) -> None:
    """A pull that adds a dependency, and a window that then dies of ModuleNotFoundError."""
    stand_in.prepare()
    settings = stand_in.root / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("line-length = 110", "line-length = 100"), encoding="utf-8")
    assert stand_in.prepare() == [], "a linter's setting changes nothing that is installed"
    settings.write_text(text.replace("dependencies = [", 'dependencies = ["one-more",', 1), encoding="utf-8")
    assert stand_in.prepare() == [locked("run")]


def test_a_changed_lock_is_installed(stand_in: StandIn) -> None:
    """A pull that moves a version, and a window that runs on with the old one."""
    stand_in.prepare()
    lock = stand_in.root / LOCK
    lock.write_text(lock.read_text(encoding="utf-8").replace("filelock==", "filelock==9", 1), encoding="utf-8")
    assert stand_in.prepare() == [locked("run")]


def test_an_undone_change_is_installed_as_well(stand_in: StandIn) -> None:
    """A switch to another branch and back, cut short between, with half of its packages left in place."""
    stand_in.prepare()
    settings = stand_in.root / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("dependencies = [", 'dependencies = ["one-more",', 1), encoding="utf-8")
    stand_in.fail("cut")
    with pytest.raises(SetupFailed):
        stand_in.prepare()
    stand_in.fail(None)
    stand_in.asked()
    settings.write_text(text, encoding="utf-8")
    assert stand_in.prepare() == [locked("run")]


def test_another_python_makes_it_anew(stand_in: StandIn) -> None:
    """Packages of Python 3.10 imported by 3.11; the old environment must be cleared, record and all."""
    stand_in.speak("3.10")
    stand_in.prepare()
    folder = stand_in.environment.folder
    stand_in.environment.record(python=f"3.10 in {folder}")
    (folder / "old").touch()
    stand_in.speak(PYTHON)
    assert stand_in.prepare()[0] == ["-m", "venv", "--clear", str(folder)]
    assert not (folder / "old").exists()


def test_a_moved_checkout_makes_it_anew(stand_in: StandIn, tmp_path: Path) -> None:
    """Programs of a copied environment that start the Python of the place it was copied from."""
    stand_in.prepare()
    moved = Environment(tmp_path / "elsewhere")
    shutil.copytree(stand_in.environment.folder, moved.folder)
    prepare(moved, CPU, root=stand_in.root)
    assert stand_in.asked()[0] == ["-m", "venv", "--clear", str(moved.folder)]


def test_a_half_made_environment_is_completed(stand_in: StandIn) -> None:
    """An environment whose making was cut short, taken for whole; or one's own packages in it deleted."""
    binaries = stand_in.environment.python.parent
    binaries.mkdir(parents=True)
    shutil.copy(stand_in.python, binaries)
    (binaries / "own").touch()
    assert len(stand_in.prepare()) == 3
    assert (binaries / "own").exists()


def test_a_lost_interpreter_is_replaced(stand_in: StandIn) -> None:
    """A record that promises everything while the Python it was made from has been uninstalled."""
    stand_in.prepare()
    stand_in.environment.python.unlink()
    stand_in.environment.python.symlink_to("nowhere")
    assert stand_in.prepare()[0][:3] == ["-m", "venv", "--clear"]


@pytest.mark.parametrize("record", ["", "{", "[]", '"x"'])
def test_a_damaged_record_counts_as_none(stand_in: StandIn, record: str) -> None:
    """A traceback instead of a repair after a power cut."""
    stand_in.prepare()
    (stand_in.environment.folder / "updraft.json").write_text(record, encoding="utf-8")
    assert len(stand_in.prepare()) == 3


def test_torn_packages_are_unpacked_again(tmp_path: Path) -> None:
    """A package that pip takes for installed although it was killed before the last file of it was written."""
    for name in ("whole", "torn"):
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info" / "METADATA").touch()
    (tmp_path / "whole-1.dist-info" / "RECORD").touch()
    drop_torn(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["whole-1.dist-info"]


def test_an_index_of_ones_choice(stand_in: StandIn) -> None:
    """An address kept from pip, written to disk with its password, or forgotten in the next terminal."""
    index = "https://someone:secret@index.invalid/cuda"
    stand_in.prepare()
    chosen = Machine("linux", driver=False, index=index)
    assert stand_in.prepare(chosen) == [install("--index-url", index, "--force-reinstall", TORCH)]
    assert stand_in.prepare(CPU) == []
    assert stand_in.prepare(chosen) == []
    assert "secret" not in (stand_in.environment.folder / "updraft.json").read_text(encoding="utf-8")


def test_a_driver_brings_what_our_kernels_need(stand_in: StandIn) -> None:
    """A GPU added later must not leave the engine on its slow path for want of a package."""
    stand_in.prepare()
    driven = Machine("linux", driver=True)
    assert stand_in.prepare(driven) == [locked("run", "cuda")]
    assert stand_in.prepare(driven) == []


def test_libraries_come_with_the_torch_that_needs_them(tmp_path: Path) -> None:
    """Gigabytes of CUDA beside a CPU build, or a CUDA build without its libraries."""
    metadata = tmp_path / "torch-2.13.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Name: torch\nRequires-Dist: nvidia-nccl-cu13==2.29.7; platform_system == 'Linux'\n")
    assert needs_cuda_libraries(tmp_path, CPU)
    assert not needs_cuda_libraries(tmp_path, Machine("win32", driver=True))
    assert not needs_cuda_libraries(tmp_path, Machine("linux", driver=True, index="https://index.invalid"))
    metadata.write_text("Name: torch\nRequires-Dist: filelock\n")
    assert not needs_cuda_libraries(tmp_path, CPU)


def test_when_torch_is_due() -> None:
    """An old torch kept after the pin moved, or a second index ignored."""
    assert torch_due(None, None)
    assert torch_due("torch==2.1.0", None)
    assert not torch_due(torch_key("one"), None)
    assert torch_due(torch_key("one"), "two")


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Retrying after ProxyError\nERROR: No matching distribution found for " + TORCH, "could not be reached"),
        ("ERROR: No matching distribution found for " + TORCH, f"no {TORCH} for this"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "certificate"),
        ("error: subprocess-exited-with-error", "pip could not install"),
    ],
)
def test_pips_failures_are_told(
    stand_in: StandIn, messages: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A traceback or a bare exit status; a missing network told as a missing torch; pip's own words swallowed."""
    stand_in.prepare()
    stand_in.environment.forget("torch")
    stand_in.fail(messages)
    with pytest.raises(SetupFailed, match=sentence) as failure:
        stand_in.prepare()
    assert failure.value.hint
    assert messages in capfd.readouterr().err
    assert "torch" not in stand_in.environment.done


def test_a_torch_that_does_not_start_is_no_success(stand_in: StandIn, capfd: pytest.CaptureFixture[str]) -> None:
    """A missing system library found out only in the window."""
    stand_in.prepare()
    stand_in.environment.forget("project")
    script = stand_in.environment.python
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace('print("" if', 'sys.exit("no library") if "cuda" in words[1] else print("" if'))
    with pytest.raises(SetupFailed, match="does not start"):
        stand_in.prepare()
    assert "no library" in capfd.readouterr().err
    assert "torch" not in stand_in.environment.done


def test_a_python_without_venv(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's Python without python3-venv, and its environment without pip left behind as if it were whole."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(SetupFailed, match="ensurepip") as failure:
        stand_in.prepare()
    assert f"python{PYTHON}-venv" in failure.value.hint
    assert not stand_in.environment.folder.exists()


def test_a_driver_is_found_by_its_tool_or_library(tmp_path: Path) -> None:
    """A GPU that lies idle because nvidia-smi is not on PATH, or one imagined on a Mac."""
    nothing = {"PATH": str(tmp_path), "SystemRoot": str(tmp_path)}
    assert not driver_present("win32", nothing)
    (tmp_path / "System32").mkdir()
    (tmp_path / "System32" / "nvcuda.dll").touch()
    assert driver_present("win32", nothing)
    (tmp_path / "nvidia-smi").touch(mode=0o755)
    assert driver_present("linux", nothing)
    assert not driver_present("darwin", nothing)


def test_which_torch_is_said() -> None:
    """A download of gigabytes unannounced, or a GPU that lies idle without a word about it."""
    assert "gigabytes" in torch_notice(CPU)
    assert "gigabytes" not in torch_notice(Machine("darwin", driver=False))
    assert "NVIDIA" in torch_notice(Machine("linux", driver=True))
    windows = Machine("win32", driver=True)
    assert "Get Started" in (torch_warning(windows, "") or "")
    assert torch_warning(windows, "13.0") is None
    assert torch_warning(CPU, "") is None


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONDONTWRITEBYTECODE"])
def test_what_a_person_set_for_other_programs_is_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages of something else that pip takes for ours; torch compiled anew at each start."""
    monkeypatch.setenv(name, "elsewhere")
    assert name not in clean_variables()


def test_a_broken_checkout_is_told(tmp_path: Path) -> None:
    """A merge conflict in pyproject.toml, or a lock file that is gone, told as a traceback."""
    (tmp_path / LOCK).touch()
    (tmp_path / "pyproject.toml").write_text("<<<<<<<", encoding="utf-8")
    with pytest.raises(SetupFailed, match=r"pyproject\.toml"):
        installation(tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    installation(tmp_path)
    (tmp_path / LOCK).unlink()
    with pytest.raises(SetupFailed, match=LOCK):
        installation(tmp_path)


def test_failures_become_a_sentence_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback for a full disk met outside pip, or exit status 0."""

    def full() -> int:
        raise OSError(28, "No space left on device")

    def sentence() -> int:
        raise diagnosis("", "It went wrong.")

    assert told(full) == 1
    assert "The disk is full.\n  Hint: " in capsys.readouterr().err
    assert told(sentence) == 1
    assert "It went wrong.\n  Hint: " in capsys.readouterr().err
