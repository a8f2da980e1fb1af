"""What of a folder of packages goes into a bundle: what is asked for and locked, as its package recorded it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bundle.elf import in_use
from bundle.layout import Layout
from bundle.lean import left_out
from bundle.packages import packages_in, put_packages, wanted
from installing import ROOT, SetupFailed
from locked import NAME, name_of, normal, requirements

from engine.architecture.families import FAMILIES


def install(folder: Path, name: str, version: str, files: dict[str, bytes], *asks: str) -> None:
    """Write a package as pip does."""
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir(parents=True)
    lines = "".join(f"Requires-Dist: {ask}\n" for ask in asks)
    files = {**files, f"{metadata.name}/METADATA": f"Name: {name}\nVersion: {version}\n{lines}".encode()}
    record = ["../../bin/tool,,", f"{metadata.name}/RECORD,,"]
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(content)}")
    (metadata / "RECORD").write_text("\n".join(record))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    install(source, "one", "1.0", {"one/__init__.py": b"1", "one/types.pyi": b"x"}, "Two", 'three; extra == "more"')
    install(source, "two", "2.0", {"two.py": b"2"}, 'three; python_version < "3"')
    install(source, "three", "3.0", {"three.py": b"3"})
    (source / "stray.py").write_text("nobody's")
    return source


LOCK = "one==1.0 \\\n    --hash=sha256:0\ntwo==2.0 ; python_version > '3'\nthree==3.0\n"


def test_what_is_asked_for_comes_along_and_nothing_else(tmp_path: Path, source: Path) -> None:
    """Guards: build tools, extras and stray files in what people download."""
    layout = Layout(tmp_path / "bundle")
    saved = put_packages(layout, source, LOCK, wanted(packages_in(source), ["one>=1"]), gpu=False)
    found = {str(path.relative_to(layout.packages)) for path in layout.packages.rglob("*") if path.is_file()}
    assert {path for path in found if "dist-info" not in path} == {"one/__init__.py", "two.py"}
    assert "two-2.0.dist-info/METADATA" in found  # versions are read from it
    assert saved["packages that nothing asks for"] > 0
    assert saved["what is read by type checkers"] == 1


def test_another_version_than_the_locked_one_is_refused(tmp_path: Path, source: Path) -> None:
    """Guards: a bundle of whatever lay in an environment."""
    with pytest.raises(SetupFailed, match=r"two 2\.0 is not the locked version"):
        put_packages(Layout(tmp_path / "bundle"), source, LOCK.replace("2.0", "2.1"), ["one", "two"], gpu=False)


def test_a_file_that_was_changed_is_refused(tmp_path: Path, source: Path) -> None:
    """Guards: an edit made in an environment for a trial, shipped to everyone."""
    (source / "two.py").write_bytes(b"3")
    with pytest.raises(SetupFailed, match=r"two\.py is not what its package brought"):
        put_packages(Layout(tmp_path / "bundle"), source, LOCK, ["one", "two"], gpu=False)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("PySide6/QtWidgets.abi3.so", True),
        ("PySide6/QtQml.abi3.so", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqwayland.so", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6/Qt/plugins/imageformats/libqsvg.so", True),
        ("PySide6/Qt/plugins/qmltooling/libqmldbg_debugger.so", False),
        ("PySide6/Qt/qml/QtQuick/libqtquick2plugin.so", False),
        ("bitsandbytes/libbitsandbytes_cpu.so", True),
        ("bitsandbytes/libbitsandbytes_cuda130.so", False),
        ("torch/bin/torch_shm_manager", True),  # torch looks for it when it is imported
        ("torch/bin/test_api", False),
        ("torch/include/ATen/ATen.h", False),
        ("torch/testing/_internal/logging_tensor.py", True),  # likewise
        ("torch/lib/libtorch_cpu.so", True),
        ("transformers/models/__init__.py", True),
        ("transformers/models/auto/auto_factory.py", True),
        ("transformers/models/qwen3/modeling_qwen3.py", True),
        ("transformers/models/qwen3_moe/modeling_qwen3_moe.py", False),
        ("transformers/generation/utils.py", True),
    ],
)
def test_what_is_left_out(path: str, *, kept: bool) -> None:
    """Guards: a cut that takes what a start needs, and one that is lost."""
    assert (left_out(path, gpu=False) is None) is kept


def test_a_gpu_keeps_its_kernels() -> None:
    """Guards: a bundle for NVIDIA that multiplies at 4 bits on the processor."""
    assert left_out("bitsandbytes/libbitsandbytes_cuda130.so", gpu=True) is None
    assert left_out("bitsandbytes/libbitsandbytes_rocm70.so", gpu=True) is not None


@pytest.mark.slow
def test_every_family_teaches_with_what_is_kept_of_transformers() -> None:
    """Guards: a family, or a newer transformers, that needs what was cut, known first to who has the program alone."""
    script = Path(__file__).with_name("reduced.py")
    places = os.pathsep.join((str(ROOT), str(ROOT / "packaging")))
    done = subprocess.run(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": places}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == list(FAMILIES), done.stderr


def test_libraries_in_use_are_followed_all_the_way() -> None:
    """Guards: a library dropped that another library needs."""
    needs = {"widgets": ["gui"], "gui": ["core", "libc"], "core": [], "quick": ["gui"]}
    assert in_use(needs, ["widgets"]) == {"widgets", "gui", "core"}


def test_everything_the_project_asks_for_is_locked() -> None:
    """Guards: a bundle that cannot be made because the lock file lags behind."""
    from bundle.build import requirements as asked  # starts nothing

    locked = {normal(name_of(one)) for one in requirements((ROOT / NAME).read_text("utf-8"))}
    assert {normal(name_of(one)) for one in asked("cuda")} <= locked
