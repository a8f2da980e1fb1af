"""Reads rotary positions from config.json: the angles a position turns queries and keys by, and how far.

RoPE is arXiv 2104.09864; the formulas of its scaled kinds are those of transformers, whose names they bear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from engine.architecture.settings import CHOOSE_ANOTHER, MOST, Settings

LEAST_FACTOR = 1.0  # a smaller one would squeeze positions together, which no model is trained for


@dataclass(frozen=True, slots=True)
class Rope:
    """``frequencies``: head_dim / 2 angles a position, in radians; ``scale`` multiplies cosine and sine.

    ``context``: the most tokens for which these angles are the model's, whatever length it was trained for at first.
    """

    frequencies: tuple[float, ...]
    scale: float
    context: int


def read_rope(settings: Settings, head_dim: int, trained: int, kinds: Collection[str]) -> Rope:
    """Read the rotation of heads of ``head_dim``; ``trained`` is max_position_embeddings.

    ``kinds``: the kinds of attention the layers have, for files that give each kind its own rotation; one that differs
    between layers is refused. Raises CheckpointError naming the key and its value.
    """
    values = _parameters(settings, kinds)
    key = "rope_type" if values.has("rope_type") else "type"  # the spelling of older files
    kind = values.text(key, "default")
    if kind not in _KINDS:
        raise values.refused(key, f"rotary positions Updraft lacks (it has {', '.join(_KINDS)})", CHOOSE_ANOTHER)
    for place in (values, settings):
        if place.number("partial_rotary_factor", 1.0, least=0) != 1.0:
            raise place.refused("partial_rotary_factor", "but Updraft rotates whole heads only", CHOOSE_ANOTHER)
    theta = (values if values.has("rope_theta") else settings).number("rope_theta", 10_000.0, least=1)
    plain = tuple(theta ** (-2 * pair / head_dim) for pair in range(head_dim // 2))
    original = _original(settings, values, trained)
    try:
        return _KINDS[kind](values, _Plain(plain, theta, trained, original))
    except ArithmeticError as error:
        raise values.refused(key, f"with values that no angle can be computed from ({error})") from error


@dataclass(frozen=True, slots=True)
class _Plain:
    """Positions before they are scaled: ``original`` tokens is what the model was trained for at first."""

    frequencies: tuple[float, ...]
    theta: float
    trained: int
    original: int

    @property
    def ratio(self) -> float:
        return self.trained / self.original


def _parameters(settings: Settings, kinds: Collection[str]) -> Settings:
    """Return what describes the rotation; like transformers, the older rope_scaling before rope_parameters."""
    for key in ("rope_scaling", "rope_parameters"):
        table = settings.table(key)
        if table.values:
            return _of_all_layers(settings, key, table, kinds)
    return Settings({}, settings.name, "rope_parameters")


def _of_all_layers(settings: Settings, key: str, table: Settings, kinds: Collection[str]) -> Settings:
    """Return ``table`` itself, or what it gives for each kind of layer where that is one and the same."""
    nested = {kind: table.table(kind) for kind in table.values if kind.endswith("_attention") and table.has(kind)}
    if not nested:
        return table
    wanted = [nested[kind] for kind in kinds if kind in nested] or list(nested.values())
    if any(each.values != wanted[0].values for each in wanted):
        raise settings.refused(key, "but Updraft turns all layers alike", CHOOSE_ANOTHER)
    return wanted[0]


def _original(settings: Settings, values: Settings, trained: int) -> int:
    """Return the length before it was extended; Phi's way of writing it, beside the table, goes first."""
    place = settings if settings.has("original_max_position_embeddings") else values
    return place.size("original_max_position_embeddings", trained)


def _factor(values: Settings, default: float | None = None) -> float:
    return values.number("factor", default, least=LEAST_FACTOR, most=1e6)


def _stretched(values: Settings, plain: _Plain, factor: float) -> int:
    """Return the length a stretched model reaches: angles divided by a factor come as far as before that much later.

    max_position_embeddings of such files is the length before (Qwen's cards add YaRN to files that say 32,768, Vicuna's
    16k has 4,096), or after, and then the length before is given beside it. vLLM and llama.cpp do the same.
    """
    reach = round(plain.original * factor)
    if reach > MOST:
        raise values.refused("factor", f"which makes a context of {reach:,} tokens")
    return reach


def _default(_values: Settings, plain: _Plain) -> Rope:
    return Rope(plain.frequencies, 1.0, plain.trained)


def _linear(values: Settings, plain: _Plain) -> Rope:
    factor = _factor(values)
    return Rope(tuple(each / factor for each in plain.frequencies), 1.0, _stretched(values, plain, factor))


def _dynamic(values: Settings, plain: _Plain) -> Rope:
    """Up to max_position_embeddings these are the plain angles.

    Beyond, they would change with every token, and with them all that was read before; so there the context ends.
    """
    _factor(values)
    return Rope(plain.frequencies, 1.0, plain.trained)


def _longrope(values: Settings, plain: _Plain) -> Rope:
    """Up to the original length the short factors hold. Beyond, the whole text would have to be read again."""
    factors = values.numbers("short_factor", len(plain.frequencies), least=1e-6)
    factor = _factor(values, max(plain.ratio, LEAST_FACTOR))
    scale = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(plain.original))
    scale = values.number("attention_factor", scale, least=0, most=1e6)
    angles = zip(plain.frequencies, factors, strict=True)
    return Rope(tuple(angle / each for angle, each in angles), scale, min(plain.original, plain.trained))


def _llama3(values: Settings, plain: _Plain) -> Rope:
    """Long waves are stretched, short ones kept, those between go over; max_position_embeddings has it in already."""
    factor = _factor(values)
    low = values.number("low_freq_factor", least=1e-6)
    high = values.number("high_freq_factor", least=1e-6)
    if high <= low:
        raise values.refused("high_freq_factor", f"but it has to be above low_freq_factor, {low:g}")

    def angle(plain_angle: float) -> float:
        turns = plain.original * plain_angle / (2 * math.pi)  # of this pair, over the original length
        kept = min(max((turns - low) / (high - low), 0.0), 1.0)
        return kept * plain_angle + (1 - kept) * plain_angle / factor

    return Rope(tuple(map(angle, plain.frequencies)), 1.0, plain.trained)


def _yarn(values: Settings, plain: _Plain) -> Rope:
    """arXiv 2309.00071: pairs that turn often are kept, those that turn seldom are stretched, with a ramp between."""
    factor = _factor(values, plain.ratio if plain.ratio > 1 else None)
    low, high = _ramp(values, plain)

    def angle(pair: int, plain_angle: float) -> float:
        stretched = min(max((pair - low) / (high - low), 0.0), 1.0)
        return stretched * plain_angle / factor + (1 - stretched) * plain_angle

    frequencies = tuple(angle(pair, each) for pair, each in enumerate(plain.frequencies))
    scale = values.number("attention_factor", _temperature(values, factor), least=0, most=1e6)
    return Rope(frequencies, scale, _stretched(values, plain, factor))


def _ramp(values: Settings, plain: _Plain) -> tuple[float, float]:
    """Return the pairs between which YaRN goes over from kept to stretched."""
    dim = 2 * len(plain.frequencies)

    def pair(key: str, turns: float) -> float:
        often = (values.number(key, least=0) if values.has(key) else 0) or turns
        return dim * math.log(plain.original / (often * 2 * math.pi)) / (2 * math.log(plain.theta))

    low, high = pair("beta_fast", 32), pair("beta_slow", 1)
    if values.flag("truncate", default=True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    return low, high + (0.001 if low == high else 0)


def _temperature(values: Settings, factor: float) -> float:
    """Return YaRN's factor on cosine and sine, unless the file gives one."""

    def scale(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1 if factor > 1 else 1.0

    weights: Sequence[float] = [values.number(key, 0, least=0, most=1e6) for key in ("mscale", "mscale_all_dim")]
    return scale(weights[0]) / scale(weights[1]) if all(weights) else scale(1)


_KINDS: dict[str, Callable[[Settings, _Plain], Rope]] = {
    "default": _default,
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
}
