"""What importing a model asks and says, wherever it is done."""

from __future__ import annotations

from app.models.library import Step

GGUF_TITLE, GGUF_KINDS = "Import a GGUF file", "GGUF files (*.gguf *.GGUF);;All files (*)"


def imported(steps: tuple[Step, ...]) -> str:
    """Return that an import is done, and how far its files could be held against what they should be."""
    if note := steps[-1].note if steps else "":
        return f"Imported. {note}"
    unknown = {step.path for step in steps if not step.compared}
    if not unknown:
        return "Imported. Every file is what its checksum says."
    if any(step.compared for step in steps):
        return "Imported. Every file that came with a checksum is what it says."
    return "Imported. The folder holds no checksums to compare with; they are noted now, for later."
