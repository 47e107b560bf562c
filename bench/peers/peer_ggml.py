"""ggml's FLASH_ATTN_EXT on the CPU, called through ctypes on the libraries inside llama-cpp-python."""

import ctypes as c
import importlib.util
import os
from dataclasses import dataclass
from typing import Callable

import numpy as np

TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "bf16": 30}  # enum ggml_type


class InitParams(c.Structure):
    _fields_ = [("mem_size", c.c_size_t), ("mem_buffer", c.c_void_p), ("no_alloc", c.c_bool)]


class Plan(c.Structure):
    """ggml_cplan; `more` leaves room for fields of other versions."""

    _fields_ = [
        ("work_size", c.c_size_t), ("work_data", c.c_void_p), ("n_threads", c.c_int), ("threadpool", c.c_void_p),
        ("abort_callback", c.c_void_p), ("abort_callback_data", c.c_void_p), ("more", c.c_uint64 * 8),
    ]  # fmt: skip


def load(name):
    package = importlib.util.find_spec("llama_cpp")
    if package is None:
        raise ImportError("llama-cpp-python is not installed")
    path = os.path.join(os.path.dirname(package.origin), "lib", name)
    return c.CDLL(path, mode=c.RTLD_GLOBAL)


def declare(library, signatures):
    for name, result, arguments in signatures:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


P, I64, F = c.c_void_p, c.c_int64, c.c_float
base, cpu = load("libggml-base.so"), load("libggml-cpu.so")
declare(base, [
    ("ggml_init", P, [InitParams]),
    ("ggml_free", None, [P]),
    ("ggml_new_tensor_3d", P, [P, c.c_int, I64, I64, I64]),
    ("ggml_flash_attn_ext", P, [P, P, P, P, P, F, F, F]),
    ("ggml_new_graph", P, [P]),
    ("ggml_build_forward_expand", None, [P, P]),
    ("ggml_backend_cpu_buffer_from_ptr", P, [P, c.c_size_t]),
    ("ggml_backend_tensor_alloc", c.c_int, [P, P, P]),
    ("ggml_backend_buffer_free", None, [P]),
    ("ggml_version", c.c_char_p, []),
])  # fmt: skip
declare(cpu, [
    ("ggml_graph_plan", Plan, [P, c.c_int, P]),
    ("ggml_graph_compute", c.c_int, [P, c.POINTER(Plan)]),
    ("ggml_cpu_init", None, []),
])  # fmt: skip
cpu.ggml_cpu_init()
VERSION = base.ggml_version().decode()


@dataclass
class Variant:
    name: str
    run: Callable
    output: Callable


class Graph:
    """o = flash_attn_ext(q, k, v) over memory that belongs to others: ggml copies neither K nor V."""

    def __init__(self, inputs):
        case, self.memory = inputs.case, np.zeros(1 << 20, np.uint8)
        self.out = np.zeros((case.queries, case.heads, case.head_dim), np.float32)
        self.context = base.ggml_init(InitParams(self.memory.nbytes, self.memory.ctypes.data, True))
        self.buffers, self.head_dim = [], case.head_dim
        q = self.tensor("f32", inputs.q)
        k, v = self.tensor(case.dtype, inputs.k), self.tensor(case.dtype, inputs.v)
        mask = self.causal_mask(case) if case.queries > 1 else None
        o = base.ggml_flash_attn_ext(self.context, q, k, v, mask, case.head_dim**-0.5, 0.0, 0.0)
        self.place(o, self.out)
        self.graph = base.ggml_new_graph(self.context)
        base.ggml_build_forward_expand(self.graph, o)
        self.plan = cpu.ggml_graph_plan(self.graph, case.threads, None)
        self.work = np.zeros(self.plan.work_size + 64, np.uint8)
        self.plan.work_data = self.work.ctypes.data + -self.work.ctypes.data % 64

    def causal_mask(self, case):
        """f16 [queries, keys], queries padded to a multiple of 64, as ggml wants it."""
        rows = -(-case.queries // 64) * 64
        hidden = np.arange(case.keys)[None] > np.arange(rows)[:, None] + case.keys - case.queries
        self.mask = np.where(hidden, -np.inf, 0).astype(np.float16)
        tensor = base.ggml_new_tensor_3d(self.context, TYPES["f16"], case.keys, rows, 1)
        self.place(tensor, self.mask)
        return tensor

    def tensor(self, dtype, array):
        outer, rows, _ = array.shape  # the last axis may count bytes of blocks
        tensor = base.ggml_new_tensor_3d(self.context, TYPES[dtype], self.head_dim, rows, outer)
        self.place(tensor, array)
        return tensor

    def place(self, tensor, array):
        start = array.ctypes.data // 64 * 64
        buffer = base.ggml_backend_cpu_buffer_from_ptr(start, array.ctypes.data + array.nbytes - start)
        base.ggml_backend_tensor_alloc(buffer, tensor, array.ctypes.data)
        self.buffers.append(buffer)

    def run(self):
        if cpu.ggml_graph_compute(self.graph, c.byref(self.plan)) != 0:
            raise RuntimeError("ggml_graph_compute failed")

    def close(self):
        for buffer in self.buffers:
            base.ggml_backend_buffer_free(buffer)
        base.ggml_free(self.context)


def variants(inputs):
    graph = Graph(inputs)
    yield Variant("ggml_flash_attn_ext", graph.run, lambda: graph.out[-1])
    graph.close()
