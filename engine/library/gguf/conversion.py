"""From a GGUF file to a checkpoint folder: looked through first, then written tensor by tensor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Kind
from gguf import ReaderTensor

from engine.architecture import architecture_of
from engine.architecture.form import RECIPE
from engine.library.faults import LibraryError
from engine.library.fetch import no_space
from engine.library.gguf.blocks import Keeping, Part, keeping, stretches
from engine.library.gguf.card import card, outcome
from engine.library.gguf.naming import hub_name
from engine.library.gguf.reading import Gguf, open_gguf
from engine.library.gguf.settings import ROTATION, config_of, generation_of
from engine.library.gguf.vocabulary import Vocabulary, vocabulary_of
from engine.library.gguf.writing import BYTES, TensorFile
from engine.library.transfer import disk_trouble

NF4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
NF4 |= {"bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_use_double_quant": False}
BLOCK = 1 << 22  # bytes read at a time


@dataclass(frozen=True, slots=True)
class Matrix:
    """One tensor on its way: ``rows`` are the file's in the order the checkpoint has them, None for the file's own."""

    name: str
    tensor: ReaderTensor
    shape: tuple[int, ...]
    keeping: Keeping
    order: npt.NDArray[np.int64] | None = None

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Give the tensors it becomes."""
        for word, part in self.keeping.parts.items():
            yield (f"{self.name}.{word}" if word else self.name), part

    def pieces(self) -> Iterator[tuple[str, npt.NDArray[Any] | bytes]]:
        """Give what is to be appended to them, stretch by stretch."""
        for word, content in self.keeping.constant.items():
            yield f"{self.name}.{word}", content
        rows = self.tensor.data.reshape(self.shape[0], -1)
        for stretch in stretches(*(*self.shape, 1)[:2]):
            taken = rows[stretch] if self.order is None else rows[self.order[stretch]]
            for word, packed in self.keeping.pack(np.ascontiguousarray(taken)).items():
                yield (f"{self.name}.{word}" if word else self.name), packed


@dataclass(frozen=True, slots=True)
class Conversion:
    """A GGUF file that can be converted: all of it has been looked at but its weights.

    ``size``: bytes that the folder will take. ``kinds``: how many matrices of each kind it has, by the kind's name.
    """

    gguf: Gguf
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    vocabulary: Vocabulary
    matrices: tuple[Matrix, ...]

    @property
    def size(self) -> int:
        """The bytes of the weights."""
        return sum(prod(part.shape) * BYTES[part.dtype] for each in self.matrices for _, part in each.parts())

    @property
    def outcome(self) -> str:
        """What becomes of the file's precision, in a sentence or two."""
        return outcome([each.keeping.loss for each in self.matrices if len(each.shape) > 1])

    def write(self, folder: Path) -> Generator[float, None, None]:
        """Write the checkpoint ``folder``, telling the fraction done; it is there when all is, or not at all.

        What a run that was killed left beside it is removed. Raises LibraryError (space, folder, damaged).
        """
        if folder.exists():
            raise LibraryError("folder", f"{folder} is there already.", "Choose another folder, or remove that one.")
        part = folder.with_name(f"{folder.name}.part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            if part.exists():
                shutil.rmtree(part)
            short = self.size - shutil.disk_usage(part.parent).free
            if short > 0:
                raise no_space(part.parent, short)
            part.mkdir()
            yield from self._written(part)
            part.replace(folder)
        except OSError as error:
            raise disk_trouble(error, folder) from error
        except ValueError as error:
            raise self.gguf.damaged(str(error)) from error
        finally:
            if part.exists():
                shutil.rmtree(part, ignore_errors=True)

    def _written(self, part: Path) -> Generator[float, None, None]:
        whole, done = self.size + self.gguf.path.stat().st_size, 0
        with TensorFile(part / "model.safetensors", dict(each for m in self.matrices for each in m.parts())) as file:
            for matrix in self.matrices:
                for name, content in matrix.pieces():
                    file.append(name, content)
                    done += len(content) if isinstance(content, bytes) else content.nbytes
                    yield done / whole
        digest = sha256()
        with self.gguf.path.open("rb") as source:
            while block := source.read(BLOCK):
                digest.update(block)
                done += len(block)
                yield min(done / whole, 1.0)
        self._describe(part, digest.hexdigest())

    def _describe(self, part: Path, digest: str) -> None:
        """Write all but the weights."""
        self.vocabulary.backend.save(str(part / "tokenizer.json"))
        texts = {
            "config.json": json.dumps(self.config, indent=1),
            "generation_config.json": json.dumps(self.generation, indent=1),
            "tokenizer_config.json": json.dumps(self.vocabulary.settings, indent=1, ensure_ascii=False),
            "chat_template.jinja": self.vocabulary.template,
            "README.md": card(self.gguf, digest, [(m.tensor.tensor_type.name, m.keeping) for m in self.matrices]),
        }
        for name, text in texts.items():
            if text:
                (part / name).write_text(text, encoding="utf-8")


def convert(source: Path, folder: Path) -> Generator[float, None, Conversion]:
    """Turn the GGUF file ``source`` into the checkpoint ``folder``, telling the fraction done.

    Raises LibraryError or CheckpointError, with a sentence and a hint, before anything is written or without a trace.
    """
    conversion = prepare(source)
    yield from conversion.write(folder)
    return conversion


def prepare(source: Path) -> Conversion:
    """Look ``source`` through; raises LibraryError or CheckpointError for whatever cannot be converted."""
    gguf = open_gguf(source)
    try:
        config = config_of(gguf)
        shapes = architecture_of(config, gguf.path.name).tensors()
        matrices = tuple(_matrices(gguf, config, shapes))
        vocabulary = vocabulary_of(gguf)
        tokens = vocabulary.backend.get_vocab().values()
        if max(tokens) >= config["vocab_size"]:
            raise gguf.damaged(f"it has {max(tokens) + 1:,} tokens and rows for {config['vocab_size']:,}")
        return Conversion(gguf, config | _recipe(matrices), generation_of(gguf), vocabulary, matrices)
    except (ValueError, IndexError, ArithmeticError) as error:
        raise gguf.damaged(str(error) or "its description makes no sense") from error


def _recipe(matrices: tuple[Matrix, ...]) -> dict[str, Any]:
    """Return what config.json says of how the weights are stored."""
    forms = {each.keeping.form for each in matrices}
    if forms & {"4 bits in groups", "8 bits in groups"}:
        return {"quantization_config": RECIPE}
    plain = {"dtype": "bfloat16"} if any(each.tensor.tensor_type == Kind.BF16 for each in matrices) else {}
    return {"quantization_config": NF4, "dtype": "bfloat16"} if "NF4" in forms else plain


def _matrices(gguf: Gguf, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Matrix]:
    """Give what becomes of every tensor, in the checkpoint's order; raises LibraryError where they do not fit."""
    found = {}
    for name, tensor in gguf.tensors.items():
        known = hub_name(name)
        if known not in shapes:
            if name == ROTATION:
                continue
            raise gguf.refused(f"holds the tensor {name:.60}, for which its family has no place")
        found[known] = tensor
    for name, shape in shapes.items():
        if name not in found:
            raise gguf.damaged(f"it lacks {name}")
        tensor = found[name]
        if tuple(map(int, reversed(tensor.shape))) != shape:
            raise gguf.damaged(f"{tensor.name} does not have the shape {list(shape)} that its description gives")
        outer = name in ("model.embed_tokens.weight", "lm_head.weight")
        kept = keeping(tensor.tensor_type, shape, outer=outer)
        if kept is None:
            raise gguf.refused(f"holds {tensor.name} as {tensor.tensor_type.name}, which cannot be read")
        yield Matrix(name, tensor, shape, kept, _order(gguf, config, name, shape))


def _order(gguf: Gguf, config: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> npt.NDArray[np.int64] | None:
    """Return where the rows of a query or key matrix lie in the file.

    Files of some families have the two numbers of each pair that is turned together beside each other; the Hub's layout
    has all first ones of a head, then all second ones.
    """
    heads = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
    part = name.partition(".self_attn.")[2]
    if not gguf.traits.paired or part[1:7] != "_proj." or part[0] not in heads:
        return None
    pairs = np.arange(shape[0]).reshape(heads[part[0]], -1, 2)
    return pairs.swapaxes(1, 2).reshape(-1)
