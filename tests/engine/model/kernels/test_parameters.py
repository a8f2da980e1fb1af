"""What kernels are given: read from the source's struct, laid out as C does, filled by name."""

from __future__ import annotations

import struct

import pytest
import torch

from engine.model.kernels.compiler import Source
from engine.model.kernels.parameters import checks, layouts

SOURCE = """\
struct Given {
    const u16 *x, *weight;  // two; of them
    State* state;
    int rows, columns;
    float eps;

    __device__ int all() const { return rows * columns; }
};

extern "C" __global__ void __launch_bounds__(512, 1)
    scale(const __grid_constant__ Given given) {
}

extern "C" __global__ void plain(const u16* x, int rows, const u32* idle,
                                 float eps) {
}
"""


def test_fields_are_given_by_name() -> None:
    """A number where a pointer belongs, or an order that differs from the source's, reads memory of others."""
    layout, x = layouts(SOURCE)["scale"], torch.zeros(4)
    filled = layout.fill({"eps": 0.5, "state": None, "rows": 3, "weight": x[1:], "x": x, "columns": True})
    assert struct.unpack("@PPPiif0P", filled) == (x.data_ptr(), x.data_ptr() + 4, 0, 3, 1, 0.5)
    assert len(filled) == 40
    assert layout.offsets == (0,)
    assert checks(SOURCE) == 'static_assert(sizeof(Given) == 40, "Given");\n'


def test_a_plain_list_is_one_parameter_each() -> None:
    """The driver takes a pointer to every one: what lies elsewhere is another number."""
    layout = layouts(SOURCE)["plain"]
    filled = layout.fill({"x": None, "idle": None, "rows": 7, "eps": 2.0})
    assert layout.offsets == (0, 8, 16, 24)
    assert struct.unpack_from("i", filled, 8) == (7,)
    assert struct.unpack_from("f", filled, 24) == (2.0,)


def test_what_does_not_fit_is_refused() -> None:
    """The device would take it for what it is not."""
    layout = layouts(SOURCE)["scale"]
    right = {"x": None, "weight": None, "state": None, "rows": 1, "columns": 1, "eps": 1.0}
    layout.fill(right)
    for wrong in ({**right, "other": 1}, {**right, "x": 5}, {**right, "rows": 0.5}, {**right, "eps": torch.zeros(1)}):
        with pytest.raises(TypeError, match="scale"):
            layout.fill(wrong)
    with pytest.raises(TypeError, match="eps"):
        layout.fill({name: value for name, value in right.items() if name != "eps"})
    with pytest.raises(ValueError, match="float4"):
        layouts(SOURCE.replace("int rows", "float4 rows"))
    assert {"attend", "join"} == layouts(Source("attention").read()).keys()
