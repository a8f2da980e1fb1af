"""EAGLE-3 heads (arXiv 2503.01840) as their makers publish them: by SafeAILab, SpecForge, speculators and DeepSpec.

All are one layer over two things at once, the embedding of a token and what some layers of the target made of the token
before it. The formats differ in names and places, in norms, and in how they number the target's layers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import prod

from engine.architecture.checking import Stored, check_tensors
from engine.architecture.drafters.ids import AGAIN, IDS, MASK, check_ids
from engine.architecture.drafters.origin import made_for_another, require_taps
from engine.architecture.form import GROUP
from engine.architecture.holding import BYTES, Holding
from engine.architecture.parts import layer_parts, read_decoder, read_sizes
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.stored import Kept
from engine.architecture.windows import sliding_if_asked, without_windows
from engine.errors import CheckpointError

TABLE, HEAD = "embed_tokens.weight", "lm_head.weight"
WHOLE = ("input_norm.weight",)  # a norm of all features together
OLD_NORMS = ("aux_norm_low.weight", "aux_norm_mid.weight", "aux_norm_high.weight")
RING = 512  # positions whose states wait on a GPU
USUAL = 3  # layers that are read, unless the file says otherwise
LAYERS = ("llama", "qwen2", "qwen3", "mistral")  # families whose layers heads are made of


@dataclass(frozen=True, slots=True)
class HeadShape:
    """The shape of a head, and which of the published ways its numbers go.

    ``decoder``: its layer, its rotation, and as vocabulary the tokens it speaks of. ``taps``: of the target, "the input
    of layer k"; ``target``: its width and its vocabulary. ``layer``: what the names of its layer's tensors begin with.
    ``norms``: the names of those before ``fc``: none, one of all features together, or one of each.
    ``norm_before_residual``: the layer adds to normed features. ``norm_output``: what it hands on to its next step is
    normed. ``mapped``: IDS says which tokens it speaks of; otherwise all, in the target's order. ``own_table``,
    ``own_head``: an embedding or a head of its own, not the target's.
    """

    decoder: Architecture
    taps: tuple[int, ...]
    target: tuple[int, int]
    layer: str
    norms: tuple[str, ...]
    fc_bias: bool
    norm_before_residual: bool
    norm_output: bool
    mapped: bool
    own_table: bool
    own_head: bool

    def held(self, holding: Holding) -> Holding:
        """Return how such a head is held: a CPU keeps it exactly where rows do not hold whole groups."""
        return replace(holding, weights="exact") if self.target[0] % GROUP else holding.of(self.decoder)

    def bytes(self, kept: Mapping[str, Kept], holding: Holding, room: int) -> int:
        """Return the memory it takes with ``room`` tokens, of which files hold matrices as ``kept`` says.

        On a GPU an embedding of its own stays with the host, and states wait in rings for it.
        """
        held, a, gpu = self.held(holding), self.decoder, holding.device == "cuda"
        weights = sum(
            prod(shape) * BYTES[held.form(name, len(shape), kept.get(name, "16-bit"))]
            for name, shape in self.tensors().items()
            if not (gpu and name == TABLE)
        )
        rings = len(self.taps) * RING * self.target[0] if gpu else 0
        return round(weights) + (2 if gpu else 4) * (2 * (a.kv_heads + 1) * a.head_dim * room + rings)

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor that is loaded, by its name in the file; IDS, of whole numbers, aside."""
        width, (feature, vocabulary) = self.decoder.width, self.target
        features = len(self.taps) * feature
        shapes: dict[str, tuple[int, ...]] = {"fc.weight": (width, features)}
        if self.fc_bias:
            shapes["fc.bias"] = (width,)
        shapes |= dict.fromkeys(self.norms, (features if len(self.norms) == 1 else feature,))
        shapes |= {self.layer + name: shape for name, shape in self.decoder.parts.tensors().items()}
        shapes |= {f"{self.layer}hidden_norm.weight": (width,), "norm.weight": (width,)}
        if self.own_head:
            shapes[HEAD] = (self.decoder.vocabulary, width)
        return {**shapes, TABLE: (vocabulary, width)} if self.own_table else shapes


def read_head(settings: Settings, stored: Mapping[str, Stored], target: Architecture) -> HeadShape:
    """Read a head whose files hold ``stored``; raises CheckpointError for one that is damaged or another target's."""
    layer = settings.table("transformer_layer_config") if _speculators(settings) else settings
    taps = _taps(settings, target.layers)
    wide = settings.size("target_hidden_size", layer.size("hidden_size"))
    if wide != target.width:
        raise made_for_another(settings, "numbers in a hidden state", wide, target.width)
    known = layer.size("vocab_size")
    if known != target.vocabulary:
        raise made_for_another(settings, "tokens", known, target.vocabulary)
    if settings.has("num_target_layers") and settings.size("num_target_layers") != target.layers:
        raise made_for_another(settings, "layers", settings.size("num_target_layers"), target.layers)
    require_taps(settings, taps, target)
    shape = _shape(settings, layer, stored.keys(), taps, target)
    _check(settings, shape, stored, target.vocabulary)
    return shape


def _speculators(settings: Settings) -> bool:
    return settings.has("transformer_layer_config")


def _taps(settings: Settings, layers: int) -> tuple[int, ...]:
    """Return which layers of the target are read, as "the input of layer k".

    speculators writes them so. SpecForge, SGLang and DeepSpec write "the output of layer k", one less.
    """
    eagle, key = settings.table("eagle_config"), "eagle_aux_hidden_state_layer_ids"
    count = settings.size("num_aux_hidden_states", USUAL)
    for place, name, less in ((settings, key, 0), (eagle, key, 1), (settings, "target_layer_ids", 1)):
        ids = place.values.get(name)
        if ids is None:
            continue
        if not isinstance(ids, list) or not ids or any(type(each) is not int for each in ids):
            raise place.refused(name, "where a list of the target's layers belongs")
        if settings.has("num_aux_hidden_states") and len(ids) != count:
            raise place.refused(name, f"but num_aux_hidden_states is {count}")
        return tuple(each + less for each in ids)
    if count != USUAL:
        raise settings.refused("num_aux_hidden_states", "but it does not say which layers these are")
    return (2, layers // 2, layers - 3)


def _shape(
    settings: Settings, layer: Settings, names: Collection[str], taps: tuple[int, ...], target: Architecture
) -> HeadShape:
    begin = "midlayer." if any(name.startswith("midlayer.") for name in names) else "layers.0."
    decoder = _decoder(settings, layer, names, begin)
    mapped = decoder.vocabulary < target.vocabulary
    own_head = HEAD in names and not settings.has("target_layer_ids")  # DeepSpec writes out the target's
    fits = (
        decoder.width == target.width and not mapped and (target.tied_head or not settings.flag("tie_word_embeddings"))
    )
    if not own_head and not fits:
        raise CheckpointError(f"{settings.name} lacks the tensor {HEAD}, and the model's own does not fit it.", AGAIN)
    return HeadShape(
        decoder=decoder,
        taps=taps,
        target=(target.width, target.vocabulary),
        layer=begin,
        norms=_norms(settings, names, len(taps)),
        fc_bias="fc.bias" in names,
        norm_before_residual=settings.flag("norm_before_residual", default=_speculators(settings)),
        norm_output=settings.flag("norm_output"),
        mapped=mapped,
        own_table=decoder.width != target.width or (settings.flag("embed_requires_grad") and TABLE in names),
        own_head=own_head,
    )


def _decoder(settings: Settings, layer: Settings, names: Collection[str], begin: str) -> Architecture:
    """Read the layer itself; which of its matrices have biases, and whether heads have norms, the files tell best."""
    if layer.size("num_hidden_layers", 1) != 1:
        raise layer.refused("num_hidden_layers", "but Updraft runs heads of one layer only", "Choose another drafter.")
    if layer.text("model_type") not in LAYERS:
        raise layer.refused("model_type", "a kind of layer Updraft does not run", "Choose another drafter.")
    qwen3 = layer.text("model_type") == "qwen3"
    sizes = read_sizes(layer, kv_heads=32, head_dim=128) if qwen3 else read_sizes(layer)
    parts = layer_parts(
        sizes,
        qkv_bias=f"{begin}self_attn.q_proj.bias" in names,
        output_bias=f"{begin}self_attn.o_proj.bias" in names,
        mlp_bias=f"{begin}mlp.down_proj.bias" in names,
        head_norms=f"{begin}self_attn.q_norm.weight" in names,
        inputs=2,
    )
    windows = sliding_if_asked(layer) if qwen3 else without_windows(layer)
    decoder = read_decoder(layer, sizes, parts, windows, context=2048)
    spoken = settings.size("draft_vocab_size", decoder.vocabulary, most=decoder.vocabulary)
    return replace(decoder, vocabulary=spoken, tied_head=False, exits=())


def _norms(settings: Settings, names: Collection[str], taps: int) -> tuple[str, ...]:
    """Return the names of the norms before ``fc``: as flags of the file ask, or as it holds them."""
    old = OLD_NORMS if OLD_NORMS[0] in names and taps == len(OLD_NORMS) else ()
    each = old or tuple(f"fc_norm.{index}.weight" for index in range(taps))
    whole = settings.flag("norm_before_fc") or WHOLE[0] in names
    apart = settings.flag("fc_norm") or settings.flag("use_aux_norm") or each[0] in names
    if whole and apart:
        raise settings.refused("norm_before_fc", "but fc_norm asks for other norms in its place")
    return WHOLE if whole else each if apart else ()


def _check(settings: Settings, shape: HeadShape, stored: Mapping[str, Stored], vocabulary: int) -> None:
    """Raise CheckpointError unless the files hold exactly the tensors of ``shape``, and what may lie beside them."""
    if shape.mapped:
        check_ids(settings, stored, shape.decoder.vocabulary, vocabulary)
    needed = shape.tensors()
    spare = {IDS, MASK, TABLE, HEAD} - needed.keys()
    check_tensors({name: each for name, each in stored.items() if name not in spare}, needed, settings.name)
