"""ONNX Runtime's com.microsoft GroupQueryAttention on the CPU, with past and present in one buffer."""

from dataclasses import dataclass
from typing import Callable

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

import crest_bench as cb

VERSION = ort.__version__
TYPES = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}  # the operator has no bf16 on the CPU


@dataclass
class Variant:
    name: str
    run: Callable
    output: Callable


def model(case):
    """The graph of one decode step: the last key and value are the new ones, the rest is the past."""
    element, integer, n = TYPES[case.dtype], TensorProto.INT32, case.keys
    new, past = [1, 1, case.kv_heads * case.head_dim], [1, case.kv_heads, n, case.head_dim]
    row = [1, 1, case.heads * case.head_dim]
    value = helper.make_tensor_value_info
    ins = [value("q", element, row), value("k", element, new), value("v", element, new),
           value("past_k", element, past), value("past_v", element, past),
           value("seqlens_k", integer, [1]), value("total", integer, [])]  # fmt: skip
    outs = [value("o", element, row), value("present_k", element, past), value("present_v", element, past)]
    node = helper.make_node(
        "GroupQueryAttention", [i.name for i in ins], [o.name for o in outs], domain="com.microsoft",
        num_heads=case.heads, kv_num_heads=case.kv_heads, scale=case.head_dim**-0.5,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(helper.make_graph([node], "decode", ins, outs), opset_imports=opsets, ir_version=9)


def session(case):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = case.threads, 1
    if case.threads > 1:  # all but the calling thread; the option counts CPUs from 1
        others = ";".join(str(cpu + 1) for cpu in cb.CPUS[1 : case.threads])
        options.add_session_config_entry("session.intra_op_thread_affinities", others)
    return ort.InferenceSession(model(case).SerializeToString(), options, providers=["CPUExecutionProvider"])


class Decode:
    def __init__(self, inputs):
        case, n = inputs.case, inputs.case.keys
        storage = inputs.k.dtype
        self.session, self.out = session(case), np.zeros((case.heads, case.head_dim), storage)
        self.arrays = {
            "q": inputs.q.astype(storage), "k": inputs.k[:, -1].copy(), "v": inputs.v[:, -1].copy(),
            "past_k": inputs.k, "past_v": inputs.v, "seqlens_k": np.array([n - 1], np.int32),
            "total": np.array(n, np.int32),
        }  # fmt: skip
        self.binding = self.session.io_binding()
        for info in self.session.get_inputs():
            self.bind(self.binding.bind_input, info, self.arrays[info.name])
        outputs = {"o": self.out, "present_k": inputs.k, "present_v": inputs.v}
        for info in self.session.get_outputs():
            self.bind(self.binding.bind_output, info, outputs[info.name])

    @staticmethod
    def bind(bind, info, array):
        bind(info.name, "cpu", 0, array.dtype.type, info.shape, array.ctypes.data)

    def run(self):
        self.session.run_with_iobinding(self.binding)


def variants(inputs):
    if inputs.case.dtype not in TYPES or inputs.case.queries > 1:  # the graph below is of a decode step
        return
    decode = Decode(inputs)
    yield Variant("onnxruntime_gqa", decode.run, lambda: decode.out)
