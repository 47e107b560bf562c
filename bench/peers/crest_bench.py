"""The bench library (bench/c_api.cpp) in Python: the inputs, the read limit, the reference and crest of one case."""

import ctypes as c
import os
import time
from dataclasses import dataclass

import numpy as np

STORAGE = {"f32": np.float32, "f16": np.float16, "bf16": np.uint16}  # numpy has no bf16: its bits
BLOCK_BYTES = {"q8_0": 34, "q4_0": 18}  # of 32 elements, as ggml lays them out


@dataclass(frozen=True)
class Case:
    """One line of `crest_bench_table --list`."""

    name: str
    heads: int
    kv_heads: int
    head_dim: int
    keys: int
    queries: int
    dtype: str
    threads: int

    @staticmethod
    def parse(line):
        name, heads, kv_heads, head_dim, keys, queries, dtype, threads = line.split()
        return Case(name, int(heads), int(kv_heads), int(head_dim), int(keys), int(queries), dtype,
                    int(threads))

    @property
    def group(self):
        return self.heads // self.kv_heads


class Library:
    def __init__(self, path):
        self.c = c.CDLL(path)
        pointer, index, text = c.c_void_p, c.c_ssize_t, c.c_char_p
        for name, result, arguments in [
            ("open", pointer, [index] * 5 + [text, c.c_int]),
            ("close", None, [pointer]),
            ("q", pointer, [pointer]),
            ("k", pointer, [pointer]),
            ("v", pointer, [pointer]),
            ("exact_seconds", c.c_double, [pointer]),
            ("mixed_seconds", c.c_double, [pointer]),
            ("limit_seconds", c.c_double, [pointer]),
            ("error", c.c_double, [pointer, pointer]),
            ("backend", text, []),
        ]:
            function = getattr(self.c, "crest_bench_" + name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)


class Inputs:
    """q, k and v of a case as numpy arrays over the library's own buffers; nothing is copied. Blocks are their bytes."""

    def __init__(self, library, case):
        self.library, self.case = library, case
        self.handle = library.open(
            case.heads, case.kv_heads, case.head_dim, case.keys, case.queries, case.dtype.encode(), case.threads
        )
        row = case.head_dim // 32 * BLOCK_BYTES.get(case.dtype, 0) or case.head_dim
        cache, storage = (case.kv_heads, case.keys, row), STORAGE.get(case.dtype, np.uint8)
        self.q = view(library.q(self.handle), np.float32, (case.heads, case.queries, case.head_dim))
        self.k = view(library.k(self.handle), storage, cache)
        self.v = view(library.v(self.handle), storage, cache)

    def close(self):
        self.library.close(self.handle)

    def crest_seconds(self):
        return self.library.exact_seconds(self.handle)

    def mixed_seconds(self):
        """Seconds of a prompt in products of bf16; below 0 without tile registers."""
        return self.library.mixed_seconds(self.handle)

    def limit_seconds(self):
        return self.library.limit_seconds(self.handle)

    def error(self, o=None):
        """Relative L2 error against double of the last query's outputs [heads, head_dim]; of crest's without an argument."""
        if o is None:
            return self.library.error(self.handle, None)
        o = np.ascontiguousarray(o, dtype=np.float32)
        return self.library.error(self.handle, o.ctypes.data)


def view(address, dtype, shape):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((c.c_char * size).from_address(address), dtype=dtype).reshape(shape)


CPUS = sorted(os.sched_getaffinity(0))
os.environ |= {"OMP_PROC_BIND": "true", "OMP_PLACES": "threads"}  # read when a peer loads its OpenMP


def pin(threads):
    """One thread works on the last CPU. Of more, the calling one works on the first, where OpenMP counts from."""
    os.sched_setaffinity(0, {CPUS[-1 if threads == 1 else 0]})


def seconds_of(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def compete(contestants, seconds, rounds=5):
    """Lists of the seconds of every run; each contestant in turn runs for its part of `seconds`, at least once."""
    times = [[] for _ in contestants]
    for _ in range(rounds):
        for contestant, found in zip(contestants, times):
            begin = time.perf_counter()
            while True:
                found.append(contestant())
                if time.perf_counter() - begin > seconds / rounds:
                    break
    times[0].append(contestants[0]())
    return times
