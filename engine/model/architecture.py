"""What a checkpoint's config.json says the model is: sizes, rotations, windows. Data, no tensors."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from engine.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Family = Literal["llama", "qwen2", "qwen3", "mistral"]
FAMILIES = get_args(Family)
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
AGAIN = "Download the model again."
CHOOSE_ANOTHER = "Choose a Llama, Qwen2, Qwen2.5, Qwen3 or Mistral checkpoint in the Hub's layout."


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a decoder of the Llama kind; every number the weights and the forward pass depend on.

    ``rope`` holds head_dim / 2 inverse frequencies (radians per position), ``rope_scale`` multiplies cosine and
    sine (YaRN's attention factor). ``windows`` has one entry a layer: how many positions, itself included, a
    token looks back on, or None for all of them.
    """

    family: Family
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int
    context: int
    norm_eps: float
    rope: tuple[float, ...]
    rope_scale: float
    windows: tuple[int | None, ...]
    qk_norm: bool
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    tied_head: bool

    @property
    def parameters(self) -> int:
        """The number of weights; a tied head counts once."""
        return sum(math.prod(shape) for shape in self.tensors().values())

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor such a checkpoint holds, by its name in the Hub's layout."""
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocabulary, self.width)}
        for index in range(self.layers):
            shapes |= {f"model.layers.{index}.{name}": shape for name, shape in self._layer().items()}
        shapes["model.norm.weight"] = (self.width,)
        if not self.tied_head:
            shapes["lm_head.weight"] = (self.vocabulary, self.width)
        return shapes

    def _layer(self) -> dict[str, tuple[int, ...]]:
        queries, values = self.heads * self.head_dim, self.kv_heads * self.head_dim
        matrices = (
            ("self_attn.q_proj", (queries, self.width), self.qkv_bias),
            ("self_attn.k_proj", (values, self.width), self.qkv_bias),
            ("self_attn.v_proj", (values, self.width), self.qkv_bias),
            ("self_attn.o_proj", (self.width, queries), self.output_bias),
            ("mlp.gate_proj", (self.mlp, self.width), self.mlp_bias),
            ("mlp.up_proj", (self.mlp, self.width), self.mlp_bias),
            ("mlp.down_proj", (self.width, self.mlp), self.mlp_bias),
        )
        shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape, _ in matrices}
        shapes |= {f"{name}.bias": shape[:1] for name, shape, bias in matrices if bias}
        shapes |= {f"{name}_layernorm.weight": (self.width,) for name in ("input", "post_attention")}
        if self.qk_norm:
            shapes |= {f"self_attn.{name}_norm.weight": (self.head_dim,) for name in "qk"}
        return shapes


def read_architecture(folder: Path) -> Architecture:
    """Read ``folder``/config.json; no network, no code from the folder.

    Raises CheckpointError when the file is missing or damaged, or describes something Updraft does not run.
    """
    file = folder / "config.json"
    settings = read_json(file)
    _refuse_foreign(file, settings)
    config = _config(file, settings)
    _refuse_impossible(file, config)
    rope, scale = _rotation(file, config)
    return Architecture(
        family=settings["model_type"],
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=_head_dim(config),
        mlp=config.intermediate_size,
        vocabulary=config.vocab_size,
        context=config.max_position_embeddings,
        norm_eps=config.rms_norm_eps,
        rope=rope,
        rope_scale=scale,
        windows=_windows(config),
        qk_norm=config.model_type == "qwen3",
        qkv_bias=config.model_type == "qwen2" or getattr(config, "attention_bias", False),
        output_bias=config.model_type in ("llama", "qwen3") and config.attention_bias,
        mlp_bias=getattr(config, "mlp_bias", False),
        tied_head=config.tie_word_embeddings,
    )


def read_json(file: Path) -> dict[str, Any]:
    """Return the JSON object in ``file``; raises CheckpointError where there is none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{file.parent} is not a model folder: it has no {file.name}.",
            "Choose the folder that holds config.json and model.safetensors.",
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}.", AGAIN) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} does not hold a JSON object.", AGAIN)
    return value


def _refuse_foreign(file: Path, settings: dict[str, Any]) -> None:
    """Raise CheckpointError for a family or a quantisation that is not ours, before any library looks at it."""
    family = settings.get("model_type")
    if family not in FAMILIES:
        raise CheckpointError(f"{file} describes a {family!r} model, which Updraft cannot run.", CHOOSE_ANOTHER)
    if settings.get("hidden_act", "silu") != "silu":
        raise CheckpointError(f"{file} asks for the activation {settings['hidden_act']!r}.", CHOOSE_ANOTHER)
    quantisation = settings.get("quantization_config")
    if quantisation is None:
        return
    if not isinstance(quantisation, dict) or quantisation.get("quant_method") != "bitsandbytes":
        method = quantisation.get("quant_method") if isinstance(quantisation, dict) else quantisation
        reason = f"is quantised with {method!r}"
    elif not quantisation.get("load_in_4bit", False):
        reason = "is quantised to 8 bits"
    elif quantisation.get("bnb_4bit_quant_type", "fp4") != "nf4":
        reason = f"is quantised to {quantisation.get('bnb_4bit_quant_type', 'fp4')!r}"
    else:
        return
    raise CheckpointError(
        f"{file} says the model {reason}, which Updraft cannot read.",
        "Choose the 16-bit version of the model, or one quantised to 4-bit NF4 by bitsandbytes.",
    )


def _config(file: Path, settings: dict[str, Any]) -> PretrainedConfig:
    """Let transformers fill in the defaults of the family and bring old spellings up to date."""
    from transformers import AutoConfig

    kept = {name: value for name, value in settings.items() if name not in ("model_type", "quantization_config")}
    try:
        return AutoConfig.for_model(settings["model_type"], **kept)
    except Exception as error:  # validation raises whatever it likes; all of it means a bad file
        raise CheckpointError(f"{file} is not a valid model description: {error}", CHOOSE_ANOTHER) from error


def _refuse_impossible(file: Path, config: PretrainedConfig) -> None:
    """Raise CheckpointError for sizes no tensor can have or heads that cannot share keys."""
    sizes = {
        name: getattr(config, name)
        for name in (
            "num_hidden_layers",
            "hidden_size",
            "num_attention_heads",
            "num_key_value_heads",
            "intermediate_size",
            "vocab_size",
            "max_position_embeddings",
        )
    }
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise CheckpointError(f"{file} gives {name} as {size!r}.", AGAIN)
    heads, kv_heads, head_dim = config.num_attention_heads, config.num_key_value_heads, _head_dim(config)
    if heads % kv_heads or head_dim % 2:
        raise CheckpointError(
            f"{file} gives {heads} heads of {head_dim} over {kv_heads} key heads, which do not divide.",
            AGAIN,
        )


def _head_dim(config: PretrainedConfig) -> int:
    given = getattr(config, "head_dim", None)
    return cast("int", given or config.hidden_size // config.num_attention_heads)


def _rotation(file: Path, config: PretrainedConfig) -> tuple[tuple[float, ...], float]:
    """Return the inverse frequencies of head_dim / 2 pairs and the factor on cosine and sine."""
    import torch
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    settings = config.rope_parameters
    kind = settings.get("rope_type", "default")
    if kind not in ROPE_TYPES or settings.get("partial_rotary_factor", 1.0) != 1.0:
        raise CheckpointError(f"{file} asks for {kind!r} rotary positions, which Updraft lacks.", CHOOSE_ANOTHER)
    if kind == "default":
        pairs = torch.arange(0, _head_dim(config), 2, dtype=torch.float32) / _head_dim(config)
        return tuple((1.0 / settings["rope_theta"] ** pairs).tolist()), 1.0
    try:
        frequencies, scale = ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"))
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file} describes {kind!r} rotary positions wrongly: {error}.", AGAIN) from error
    return tuple(frequencies.tolist()), float(scale)


def _windows(config: PretrainedConfig) -> tuple[int | None, ...]:
    """Mistral slides in every layer, Qwen in those its layer_types name, Llama in none."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * config.num_hidden_layers
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)
