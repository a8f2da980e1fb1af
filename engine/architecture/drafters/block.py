"""Drafters that guess a block of tokens in one pass: DFlash (arXiv 2602.06036) and DSpark (arXiv 2607.05147).

Published by z-lab, by deepseek-ai (DeepSpec) and in the format of speculators, with the same tensors. DSpark adds what
the token before says of a token (the Markov head), and how sure the drafter is of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import prod

from engine.architecture.checking import Stored, check_tensors
from engine.architecture.drafters.ids import IDS, MASK, check_ids
from engine.architecture.drafters.origin import made_for_another, require_taps
from engine.architecture.families.qwen3 import read as read_qwen3
from engine.architecture.form import GROUP
from engine.architecture.holding import BYTES, Form, Holding
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.stored import Kept
from engine.architecture.windows import SLIDING

TABLE, HEAD = "embed_tokens.weight", "lm_head.weight"
FC, CONTEXT_NORM, NORM = "fc.weight", "hidden_norm.weight", "norm.weight"
MARKOV_ROWS, MARKOV_SPREAD = "markov_head.markov_w1.weight", "markov_head.markov_w2.weight"
CONFIDENCE, CONFIDENCE_BIAS = "confidence_head.proj.weight", "confidence_head.proj.bias"
MOST_ROWS = 16  # of a block, as many as a pass holds; no published one has more
WIDEST_RANK = 4096
ANOTHER = "Choose another drafter for this model."
LAYERS = ("qwen3", "qwen2", "llama")  # as files call what are layers of a Qwen3 all the same, norms of heads included
# What would change the arithmetic in ways that Updraft lacks: the key, the value that does not, and what it means.
UNKNOWN = (
    ("use_swa", False, "layers that look back on a window only"),
    ("causal", False, "rows that do not see those behind them"),
    ("is_causal", False, "rows that do not see those behind them"),
    ("fc_layernorm", False, "norms in front of its first matrix"),
    ("attention_sink_bias", False, "attention sinks"),
    ("add_swa_attention_sink_bias", False, "attention sinks"),
    ("is_neox_style", True, "heads turned pair by pair"),
    ("logit_scale", 1, "logits that are scaled"),
)


@dataclass(frozen=True, slots=True)
class BlockShape:
    """The shape of a drafter of blocks.

    ``decoder``: its layers, which stand on the target's embedding; as vocabulary the tokens it speaks of. ``taps``: of
    the target, "the input of layer k", in the order its first matrix takes them. ``known``: the target's tokens.
    ``rows``: of a pass, the newest token and ``mask`` in all others. ``anchored``: the newest token's row guesses, too.
    ``mapped``: IDS says which tokens it speaks of; it then has a head of its own, otherwise it reads the target's.
    ``markov``: the rank of the Markov head, 0 for none. ``confidence``: the numbers its confidence is read from.
    """

    decoder: Architecture
    taps: tuple[int, ...]
    known: int
    rows: int
    anchored: bool
    mask: int
    mapped: bool = False
    markov: int = 0
    confidence: int = 0

    @property
    def tokens(self) -> int:
        """The most tokens of a block."""
        return self.rows if self.anchored else self.rows - 1

    def layer(self, index: int) -> str:
        """Return what the names of a layer's tensors begin with."""
        return f"layers.{index}."

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor that is loaded, by its name in the file; IDS, of whole numbers, aside."""
        width, spoken = self.decoder.width, self.decoder.vocabulary
        shapes: dict[str, tuple[int, ...]] = {FC: (width, len(self.taps) * width), CONTEXT_NORM: (width,)}
        for index in range(self.decoder.layers):
            shapes |= {self.layer(index) + name: shape for name, shape in self.decoder.parts.tensors().items()}
        shapes[NORM] = (width,)
        if self.mapped:
            shapes[HEAD] = (spoken, width)
        if self.markov:
            shapes |= {MARKOV_ROWS: (self.known, self.markov), MARKOV_SPREAD: (spoken, self.markov)}
        if self.confidence:
            shapes |= {CONFIDENCE: (1, self.confidence), CONFIDENCE_BIAS: (1,)}
        return shapes

    def form(self, name: str, dimensions: int, kept: Kept, holding: Holding) -> Form:
        """Return the form of the tensor ``name`` on a device, see Holding; the small heads are read a row at a time."""
        if name in (CONFIDENCE, CONFIDENCE_BIAS):
            return "float32"
        if name == MARKOV_ROWS or (name == MARKOV_SPREAD and holding.device == "cuda"):
            return "bfloat16"
        if name == MARKOV_SPREAD and self.markov % GROUP:
            return "float32"
        return holding.form(name, dimensions, kept)

    def bytes(self, kept: Mapping[str, Kept], holding: Holding, room: int) -> int:
        """Return the memory it takes with ``room`` tokens, of which files hold matrices as ``kept`` says."""
        holding = holding.of(self.decoder)
        weights = sum(
            prod(shape) * BYTES[self.form(name, len(shape), kept.get(name, "16-bit"), holding)]
            for name, shape in self.tensors().items()
        )
        number = 2 if holding.device == "cuda" else 4
        past = 2 * self.decoder.layers * self.decoder.kv_heads * self.decoder.head_dim * (room + self.rows)
        return round(weights) + number * (past + 2 * room * self.decoder.head_dim)


def read_block(settings: Settings, stored: Mapping[str, Stored], target: Architecture) -> BlockShape:
    """Read a drafter whose files hold ``stored``; raises CheckpointError for one that is damaged or another target's.

    So it does for what Updraft does not run.
    """
    inner = settings.table("transformer_layer_config") if _speculators(settings) else settings
    nested = settings.table("dflash_config")
    for place in (settings, inner, nested):
        _refuse_unknown(place)
    decoder = _decoder(inner, settings, target)
    taps = _taps(settings, nested, decoder.layers, target)
    spoken = settings.size("draft_vocab_size", target.vocabulary, most=target.vocabulary)
    markov = _markov(settings)
    shape = BlockShape(
        decoder=replace(decoder, vocabulary=spoken, tied_head=False, exits=()),
        taps=taps,
        known=target.vocabulary,
        rows=_either(nested, settings, "block_size").size("block_size", least=2, most=MOST_ROWS),
        anchored=_anchored(settings),
        mask=_either(nested, settings, "mask_token_id").size("mask_token_id", least=0, most=target.vocabulary - 1),
        mapped=spoken < target.vocabulary,
        markov=markov,
        confidence=_confidence(settings, decoder.width, markov, stored),
    )
    _check(settings, shape, stored)
    return shape


def _speculators(settings: Settings) -> bool:
    return settings.has("transformer_layer_config")


def _dspark(settings: Settings) -> bool:
    return settings.values.get("speculators_model_type") == "dspark"


def _either(first: Settings, second: Settings, key: str) -> Settings:
    """Return which of two places has ``key``: newer files of z-lab have more of them in the inner one."""
    return first if first.has(key) else second


def _refuse_unknown(place: Settings) -> None:
    for key, usual, what in UNKNOWN:
        if place.has(key) and place.values[key] != usual:
            raise place.refused(key, f"which asks for {what}; Updraft does not run such drafters", ANOTHER)


def _decoder(layer: Settings, settings: Settings, target: Architecture) -> Architecture:
    """Read the layers, which have to fit the target."""
    if layer.text("model_type") not in LAYERS:
        raise layer.refused("model_type", "a kind of layer Updraft does not run", ANOTHER)
    kinds = layer.values.get("layer_types")
    if isinstance(kinds, list) and SLIDING in kinds:
        raise layer.refused("layer_types", "but Updraft runs blocks that look back on everything only", ANOTHER)
    decoder = read_qwen3(layer)
    if any(decoder.windows):
        raise layer.refused("use_sliding_window", "but Updraft runs blocks that look back on everything only", ANOTHER)
    if decoder.width != target.width:
        raise made_for_another(settings, "numbers in a hidden state", decoder.width, target.width)
    wide = settings.size("target_hidden_size", target.width)
    if wide != target.width:
        raise made_for_another(settings, "numbers in a hidden state", wide, target.width)
    if decoder.vocabulary != target.vocabulary:
        raise made_for_another(settings, "tokens", decoder.vocabulary, target.vocabulary)
    layers = settings.size("num_target_layers", target.layers)
    if layers != target.layers:
        raise made_for_another(settings, "layers", layers, target.layers)
    return decoder


def _taps(settings: Settings, nested: Settings, own: int, target: Architecture) -> tuple[int, ...]:
    """Return which layers of the target are read, as "the input of layer k".

    speculators writes them so. z-lab and DeepSpec write "the output of layer k", one less; what they mean by that of
    the last layer has passed the target's last norm, and -1 is the embedding itself.
    """
    key, place, less = "aux_hidden_state_layer_ids", settings, 0
    if not settings.has(key):
        key, less = "target_layer_ids", 1
        place = _either(nested, settings, key)
    listed = place.values.get(key)
    if listed is None and less:
        listed = usual_layers(target.layers, own)
    if not isinstance(listed, list) or not listed or any(type(each) is not int for each in listed):
        raise place.refused(key, "where a list of the target's layers belongs")
    taps = tuple(each + less for each in listed)
    require_taps(settings, taps, target)
    if max(taps) == target.layers:
        raise place.refused(key, "but Updraft reads what enters a layer, and nothing behind the last", ANOTHER)
    return taps


def usual_layers(layers: int, own: int) -> list[int]:
    """Return the layers of a target of ``layers`` whose output a drafter of ``own`` reads unless it says otherwise."""
    if own == 1:
        return [layers // 2]
    return [round(1 + index * (layers - 4) / (own - 1)) for index in range(own)]


def _anchored(settings: Settings) -> bool:
    """Tell whether the newest token's row guesses: in DeepSpec always, whose DFlash is a DSpark without its heads."""
    if _speculators(settings):
        return settings.flag("sample_from_anchor", _dspark(settings))
    named = settings.values.get("architectures")
    return not (isinstance(named, list) and any("DFlash" in str(each) for each in named))


def _markov(settings: Settings) -> int:
    """Return the rank of the Markov head."""
    rank = settings.size("markov_rank", 256 if _dspark(settings) else 0, least=0, most=WIDEST_RANK)
    if rank and settings.text("markov_head_type", "vanilla") != "vanilla":
        raise settings.refused("markov_head_type", "but Updraft runs the plain kind (vanilla) only", ANOTHER)
    return rank


def _confidence(settings: Settings, width: int, markov: int, names: Collection[str]) -> int:
    """Return how many numbers the confidence head takes; files that announce it may leave it out."""
    if not settings.flag("enable_confidence_head", _dspark(settings)) or CONFIDENCE not in names:
        return 0
    return width + (markov if settings.flag("confidence_head_with_markov", _dspark(settings)) else 0)


def _check(settings: Settings, shape: BlockShape, stored: Mapping[str, Stored]) -> None:
    """Raise CheckpointError unless the files hold exactly the tensors of ``shape``, and what may lie beside them."""
    if shape.mapped:
        check_ids(settings, stored, shape.decoder.vocabulary, shape.known)
    needed = shape.tensors()
    spare = {IDS, MASK, TABLE, HEAD} - needed.keys()
    check_tensors({name: each for name, each in stored.items() if name not in spare}, needed, settings.name)
