"""From a config.json to the model it describes, for the families Updraft runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.architecture.form import form_of
from engine.architecture.rotation import read_rope
from engine.architecture.settings import CHOOSE_ANOTHER, Settings
from engine.architecture.shape import FAMILIES, Architecture, Family
from engine.errors import CheckpointError
from engine.files import read_object

MOST_LAYERS = 1_000  # several times what the deepest models have
WIDEST_HEAD = 4_096  # the same of the widest heads
ACTIVATIONS = ("silu", "swish")  # two names of one function
SLIDING, FULL = "sliding_attention", "full_attention"
IMPORT = "Import the file, in the window under Models, or with “python -m engine models import” and its name."
WRITES = "ForCausalLM"  # how the name of every architecture ends that writes text


@dataclass(frozen=True, slots=True)
class _Traits:
    """What distinguishes a family, as transformers has it: defaults of keys left out, and which keys it reads at all.

    ``kv_heads`` None: as many as heads. ``qkv_bias`` None: as attention_bias says, which otherwise is not read.
    ``slides``: whether sliding_window is never read, always, or only where use_sliding_window asks for it.
    """

    context: int
    kv_heads: int | None = 32
    head_dim: int | None = None
    qk_norm: bool = False
    qkv_bias: bool | None = None
    mlp_bias: bool = False
    slides: Literal["never", "always", "asked"] = "asked"


_TRAITS: dict[Family, _Traits] = {
    "llama": _Traits(2048, kv_heads=None, mlp_bias=True, slides="never"),
    "mistral": _Traits(131_072, kv_heads=8, qkv_bias=False, slides="always"),
    "qwen2": _Traits(32_768, qkv_bias=True),
    "qwen3": _Traits(32_768, head_dim=128, qk_norm=True),
}


def read_architecture(folder: Path) -> Architecture:
    """Read ``folder``/config.json; no network, no code from the folder.

    Raises CheckpointError when the file is missing or damaged, or describes something Updraft does not run.
    """
    require_folder(folder)
    return architecture_of(read_object(folder / "config.json"), str(folder))


def require_folder(folder: Path) -> None:
    """Raise CheckpointError unless ``folder`` is a folder; for GGUF files, in one or alone, say how to import them."""
    if folder.is_file():
        if folder.suffix.lower() == ".gguf":
            raise CheckpointError(f"{folder} is a GGUF file, which has to be imported before it runs.", IMPORT)
        raise CheckpointError(f"{folder} is a file, not a model folder.", "Choose the folder it lies in.")
    if not folder.is_dir():
        raise CheckpointError(f"There is no model folder {folder}.", "Choose a folder that holds a model.")
    packed = next(folder.glob("*.[gG][gG][uU][fF]"), None)
    if packed and not any(folder.glob("*.safetensors")):
        raise CheckpointError(
            f"{folder} holds a GGUF model ({packed.name}), which has to be imported before it runs.", IMPORT
        )


def architecture_of(config: Mapping[str, Any], name: str) -> Architecture:
    """Read the values of a ``config.json``; ``name`` is what an error calls the model. Raises CheckpointError."""
    settings = Settings(config, name)
    family = _family(settings)
    form_of(settings)
    if settings.text("hidden_act", "silu") not in ACTIVATIONS:
        raise settings.refused("hidden_act", "but Updraft has SiLU only", CHOOSE_ANOTHER)
    traits = _TRAITS[family]
    layers, width = settings.size("num_hidden_layers", most=MOST_LAYERS), settings.size("hidden_size")
    heads, kv_heads, head_dim = _heads(settings, traits, width)
    windows = _windows(settings, traits, layers)
    trained = settings.size("max_position_embeddings", traits.context)
    rope = read_rope(settings, head_dim, trained, {SLIDING if window else FULL for window in windows})
    asked = traits.qkv_bias is None and settings.flag("attention_bias")
    return Architecture(
        family=family,
        layers=layers,
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        mlp=settings.size("intermediate_size"),
        vocabulary=settings.size("vocab_size"),
        context=rope.context,
        norm_eps=settings.number("rms_norm_eps", 1e-6, least=0, most=1),
        rope=rope.frequencies,
        rope_scale=rope.scale,
        windows=windows,
        qk_norm=traits.qk_norm,
        qkv_bias=asked if traits.qkv_bias is None else traits.qkv_bias,
        output_bias=asked,
        mlp_bias=traits.mlp_bias and settings.flag("mlp_bias"),
        tied_head=settings.flag("tie_word_embeddings"),
        exits=_exits(config.get("early_exits"), layers),
    )


def _family(settings: Settings) -> Family:
    """Return the model's family; raises CheckpointError for one that is not ours, or that does not write text."""
    named = settings.values.get("model_type")
    family = next((each for each in FAMILIES if each == named), None)
    if family is None:
        kind = f"of the architecture “{named:.40}”" if isinstance(named, str) else "of no architecture its file names"
        raise CheckpointError(f"{settings.name} is {kind}, which Updraft does not run.", CHOOSE_ANOTHER)
    listed = settings.values.get("architectures")
    listed = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    if listed and not any(each.endswith(WRITES) for each in listed):
        raise CheckpointError(
            f"{settings.name} is a “{listed[0]:.60}”, a model that reads text but does not write it.",
            "Choose a model made for chat or for text generation.",
        )
    return family


def _heads(settings: Settings, traits: _Traits, width: int) -> tuple[int, int, int]:
    """Return heads, key heads and the width of one; raises CheckpointError where they do not divide.

    Null is another thing than a key left out: then the number follows from the others, not from the family.
    """
    kv_default, dim_default = (
        None if key in settings.values else default
        for key, default in (("num_key_value_heads", traits.kv_heads), ("head_dim", traits.head_dim))
    )
    heads = settings.size("num_attention_heads")
    kv_heads = settings.size("num_key_value_heads", kv_default or heads)
    head_dim = settings.size("head_dim", dim_default or max(width // heads, 1))
    if width % heads and not (dim_default or settings.has("head_dim")):
        raise settings.refused("num_attention_heads", f"which do not divide hidden_size, {width:,}")
    if heads % kv_heads or head_dim % 2 or head_dim > WIDEST_HEAD:
        raise CheckpointError(
            f"The config.json of {settings.name} gives {heads:,} heads (num_attention_heads) of {head_dim:,} "
            f"(head_dim) over {kv_heads:,} key heads (num_key_value_heads), which no model has.",
            "The file is damaged: download the model again, or choose another copy.",
        )
    return heads, kv_heads, head_dim


def _windows(settings: Settings, traits: _Traits, layers: int) -> tuple[int | None, ...]:
    """Return how far each layer looks back; a Llama looks back on everything, whatever its file says of windows."""
    if traits.slides == "never":
        return (None,) * layers
    window = _window(settings, traits)
    kinds = settings.values.get("layer_types")
    if kinds is not None:
        if not isinstance(kinds, list) or len(kinds) != layers or any(each not in (SLIDING, FULL) for each in kinds):
            raise settings.refused("layer_types", f"where {SLIDING} or {FULL} belongs for each of {layers:,} layers")
        if SLIDING in kinds and window is None:
            raise settings.refused("layer_types", "but sliding_window does not say how far they look back")
        return tuple(window if kind == SLIDING else None for kind in kinds)
    first = 0 if traits.slides == "always" or window is None else settings.size("max_window_layers", 28, least=0)
    return tuple(window if index >= first else None for index in range(layers))


def _window(settings: Settings, traits: _Traits) -> int | None:
    """Return how far a layer that slides looks back: 4,096 where the key is left out, for ever where it is null."""
    if traits.slides == "asked" and not settings.flag("use_sliding_window"):
        return None
    unbounded = "sliding_window" in settings.values and not settings.has("sliding_window")
    return None if unbounded else settings.size("sliding_window", 4096)


def _exits(named: Any, layers: int) -> tuple[int, ...]:
    """Return the early exits the file names, rising; none where it means something else by the key.

    It is a word of ours, so a value we do not understand is somebody else's, and no reason to refuse the model.
    """
    if not isinstance(named, list) or any(type(each) is not int or not 0 < each < layers for each in named):
        return ()
    return tuple(sorted(set(named)))
