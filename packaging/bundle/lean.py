"""What of the locked packages a bundle leaves out, and why: kept short, and only what no code of ours can reach.

What a pattern says was measured (README.md). A package that nothing kept asks for is left out by packages.py.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# Packages that only another use than chatting needs, though pyproject.toml asks for them.
NOT_WANTED = {
    "setuptools": "torch compiles extensions with it",
    "hf-xet": "another protocol of the Hub's; downloads here go over HTTPS, and resume",
    "typer": "huggingface-hub's own command line",
}

LEFT_OUT: dict[str, tuple[str, ...]] = {
    "torch: tests, and programs of its own": (
        "torch/bin/*Test",  # torch_shm_manager has to be there
        "torch/bin/test_*",
        "torch/bin/protoc*",
        "torch/bin/*.pt*",
        "torch/bin/upgrader_models/*",
        "torch/test/*",
        "torch/lib/*_test.so",
        "torch/lib/libaoti_custom_ops.so",
        "torch/lib/libbackend_with_compiler.so",
    ),
    "what others are compiled against": (
        "torch/include/*",
        "torch/share/*",
        "numpy/_core/include/*",
        "PySide6/include/*",
        "PySide6/typesystems/*",
        "PySide6/glue/*",
        "shiboken6/include/*",
        "*.a",
        "*.lib",
        "*.pyx",
        "*.pxd",
    ),
    "what is read by type checkers": ("*.pyi", "*/py.typed"),
    "the packages' own tests": (
        "numpy/*/tests/*",
        "numpy/tests/*",
        "networkx/*/tests/*",
        "sympy/*/tests/*",
        "mpmath/tests/*",
        "psutil/tests/*",
        "llvmlite/tests/*",
        "sympy/polys/benchmarks/*",
    ),
    "what nothing here imports": (  # torch reckons with sympy's symbols, not with its physics
        "sympy/physics/*",
        "sympy/stats/*",
        "numpy/distutils/*",
        "numpy/f2py/*",
        "huggingface_hub/cli/*",
        "*.dist-info/sboms/*",
    ),
    "Qt's tools": (
        "PySide6/assistant*",
        "PySide6/balsam*",
        "PySide6/designer*",
        "PySide6/linguist*",
        "PySide6/lrelease*",
        "PySide6/lupdate*",
        "PySide6/qml*",
        "PySide6/svgtoqml*",
        "PySide6/scripts/*",
        "PySide6/doc/*",
        "PySide6/Qt/libexec/*",
        "PySide6/Qt/metatypes/*",
        "PySide6/Qt/qml/*",
        "PySide6/Qt/translations/*",
    ),
}

# transformers, which runs a model while it teaches, holds hundreds of them: those of our families, and what finds one.
MODELS = ("auto", "llama", "mistral", "qwen2", "qwen3")

# Qt, the other way round: its modules and kinds of plugins are many, and we know which are used.
QT_MODULES = ("QtCore", "QtDBus", "QtGui", "QtNetwork", "QtSvg", "QtWidgets")
QT_PLUGINS = (
    "iconengines/*svg*",
    "imageformats/*gif*",
    "imageformats/*ico*",
    "imageformats/*jpeg*",
    "imageformats/*svg*",
    "imageformats/*webp*",
    "platforminputcontexts/*compose*",
    "platforminputcontexts/*ibus*",
    "platforms/*offscreen*",
    "platforms/*wayland*",
    "platforms/*xcb*",
    "platforms/*windows*",
    "platforms/*cocoa*",
    "platformthemes/*",
    "styles/*",
    "wayland-*-client/*",
    "wayland-shell-integration/*",
    "xcbglintegrations/*",
)


def left_out(path: str, *, gpu: bool) -> str | None:
    """Return why the file ``path``, below site-packages, is left out; None where it is kept.

    ``gpu``: for a bundle that runs on an NVIDIA GPU. Qt's libraries are all kept here: elf.py finds those in use.
    """
    for reason, patterns in LEFT_OUT.items():
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            return reason
    if fnmatchcase(path, "bitsandbytes/libbitsandbytes_*") and not _fits(path, gpu=gpu):
        return "bitsandbytes for other GPUs"
    if fnmatchcase(path, "transformers/models/*/*"):
        return None if path.split("/")[2] in MODELS else "transformers' models of other families"
    if fnmatchcase(path, "PySide6/Qt/plugins/*"):
        below = path.removeprefix("PySide6/Qt/plugins/")
        return None if any(fnmatchcase(below, each) for each in QT_PLUGINS) else "Qt's plugins that are not used"
    if fnmatchcase(path, "PySide6/Qt*.abi3.so") or fnmatchcase(path, "PySide6/Qt*.pyd"):
        module = path.removeprefix("PySide6/").split(".")[0]
        return None if module in QT_MODULES else "Qt's modules that are not used"
    return None


def _fits(path: str, *, gpu: bool) -> bool:
    return "_cpu" in path or (gpu and "_cuda13" in path)
