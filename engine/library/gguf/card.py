"""What is said of a model that came from a GGUF file: in a sentence, and on its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from engine.library.gguf.blocks import Keeping, Loss
from engine.library.gguf.reading import Gguf

GPU = (
    "Where all matrices of its layers are in groups, a graphics card keeps those of 4 bits as they are here and makes "
    "those of 8 beside them 4; others are NF4 there, with some loss. On a processor all are as they are here."
)
OUTCOMES: dict[Loss, str] = {
    "none": "Its weights are kept exactly as they are in the file.",
    "little": "Its weights are kept at 4 or 8 bits, with hardly any loss.",
    "some": "Some of its weights were compressed anew to 4 bits, with some loss.",
}


def outcome(losses: Collection[Loss]) -> str:
    """Return what became of the file's precision; ``losses`` of all its matrices."""
    return OUTCOMES[max(losses, key=list(OUTCOMES).index, default="none")]


def card(gguf: Gguf, digest: str, kept: Collection[tuple[str, Keeping]]) -> str:
    """Return the README.md of the folder: where it comes from, and what became of which tensors."""
    licence = gguf.value("general.license")
    title = gguf.value("general.name") or gguf.path.stem
    matter = f"---\nlicense: {licence}\n---\n" if isinstance(licence, str) and licence.isprintable() else ""
    ways = Counter((kind, keeping.form, keeping.loss) for kind, keeping in kept)
    lines = [f"| {kind} | {count} | {form} | {loss} |" for (kind, form, loss), count in ways.items()]
    told = [keeping.loss for _, keeping in kept]
    return "\n".join(
        (
            f"{matter}# {str(title).splitlines()[0][:80]}",
            "",
            f"Converted by Updraft from the GGUF file `{gguf.path.name}` (SHA-256 `{digest}`).",
            f"{outcome(told)} {GPU}",
            "",
            "| In the file | Tensors | Here | Loss |",
            "|---|--:|---|---|",
            *lines,
            "",
        )
    )
