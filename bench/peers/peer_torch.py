"""PyTorch's scaled_dot_product_attention on the CPU."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa

VERSION = torch.__version__
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


@dataclass
class Variant:
    name: str
    run: Callable
    output: Callable


def tensor(array, dtype):
    """A batch of one over the same memory; a bf16 cache arrives as its bits."""
    return torch.from_numpy(array).view(TYPES[dtype])[None]


class Attention:
    def __init__(self, q, k, v, **options):
        self.arguments, self.options, self.o = (q, k, v), options, None

    def run(self):
        with torch.inference_mode():
            self.o = sdpa(*self.arguments, **self.options)

    def output(self):
        return self.o[0, :, -1].float().numpy()


def variants(inputs):
    """Plain is what the manual says to do. `fold` makes the heads of a group the queries of one head: the same numbers
    for a decode step, and each K and V row is read once for the whole group."""
    case = inputs.case
    if case.dtype not in TYPES:
        return
    torch.set_num_threads(case.threads)
    q = torch.from_numpy(inputs.q)[None].to(TYPES[case.dtype])
    k, v = tensor(inputs.k, case.dtype), tensor(inputs.v, case.dtype)
    plain = Attention(q, k, v, enable_gqa=case.group > 1, is_causal=case.queries > 1)
    yield Variant("torch_sdpa", plain.run, plain.output)
    if case.group > 1 and case.queries == 1:
        folded = Attention(q.reshape(1, case.kv_heads, case.group, case.head_dim), k, v)
        yield Variant("torch_sdpa_fold", folded.run, lambda: folded.o.float().numpy())
