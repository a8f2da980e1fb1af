"""The texts for importing a model, shared by the wizard and the library page."""

from __future__ import annotations

from app.models.library import Step

GGUF_TITLE, GGUF_KINDS = "Import a GGUF file", "GGUF files (*.gguf *.GGUF);;All files (*)"


def imported(steps: tuple[Step, ...]) -> str:
    """Return the sentence for a finished import: also whether its files matched their checksums."""
    if note := steps[-1].note if steps else "":
        return f"Imported. {note}"
    unknown = {step.path for step in steps if not step.compared}
    if not unknown:
        return "Imported. Every file matches its checksum."
    if any(step.compared for step in steps):
        return "Imported. Every file that came with a checksum matches it."
    return "Imported. The folder has no checksums to compare with, so they were computed now for later checks."
