"""What the tensors of a GGUF file are called in the Hub's layout."""

from __future__ import annotations

import re

_WHOLE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_OF_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_LAYER = re.compile(r"blk\.(\d{1,4})\.(\w+)\.(weight|bias)")


def hub_name(name: str) -> str | None:
    """Return the name in the Hub's layout, None for a tensor that the families Updraft runs do not have."""
    found = _LAYER.fullmatch(name)
    if found and found[2] in _OF_LAYER:
        return f"model.layers.{int(found[1])}.{_OF_LAYER[found[2]]}.{found[3]}"
    return _WHOLE.get(name)
