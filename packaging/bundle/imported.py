"""Says which files of the packages the program imports, run by the bundle's own Python: those are compiled beforehand.

Half of torch's and sympy's modules are never imported. What is not compiled works as well, only later.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from engine.architecture.families import FAMILIES

# The program's doors, and what it imports only when it needs it. What a system lacks is passed over.
DOORS = ("app.__main__", "engine.__main__", "engine.session", "engine.library.downloader", "engine.template.child")
LATE = (
    "bitsandbytes.functional",
    "engine.teaching.command",
    "engine.teaching.sitting",
    "gguf",
    "huggingface_hub",
    "keyring.backends.SecretService",
    "transformers.models.auto.modeling_auto",
    *(f"transformers.models.{name}.modeling_{name}" for name in FAMILIES),
    "ziamath",
)


def main() -> int:
    """Import them and print the files, a line each."""
    for name in (*DOORS, *LATE):
        try:
            importlib.import_module(name)
        except ImportError as lacking:
            print(f"{name}: {lacking}", file=sys.stderr)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if file.endswith(".py") and "site-packages" in Path(file).parts:
            print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
