"""Model files with random weights, for what the attention of real ones looks like in llama.cpp: Gemma 2 (head_dim 256,
layers of a sliding window and of the whole context by turns, logit softcap) and MPT (ALiBi).
"""

import struct

import numpy as np

WORDS = 256
UINT32, FLOAT32, STRING = 4, 6, 8  # types of GGUF's keys; a tensor of f32 is of type 0
ALIGNMENT = 32


def _string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def _key(name, value):
    if isinstance(value, str):
        return _string(name) + struct.pack("<I", STRING) + _string(value)
    kind, code = (UINT32, "<I") if isinstance(value, int) else (FLOAT32, "<f")
    return _string(name) + struct.pack("<I", kind) + struct.pack(code, value)


def write_gguf(path, keys, tensors):
    """GGUF version 3, all tensors f32. Shapes are NumPy's; the file has them innermost first."""
    head, data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)), b""
    head += b"".join(_key(name, value) for name, value in keys.items())
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += tensor.astype("<f4").tobytes()
        data += bytes(-len(data) % ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + data)
    return path


def _general(kind, options):
    return {"general.architecture": kind, "general.alignment": ALIGNMENT, "tokenizer.ggml.model": "no_vocab",
            f"{kind}.vocab_size": WORDS} | {f"{kind}.{name}": value for name, value in options.items()}


def _weights(shapes):
    """Of the size that keeps the size of what they are multiplied with; norms are ones."""
    random = np.random.default_rng(7)
    return {name: random.standard_normal(shape) / np.sqrt(shape[1]) if len(shape) == 2 else np.ones(shape)
            for name, shape in shapes.items()}


def gemma2(path, layers=4, width=128, heads=4, kv_heads=2, head_dim=256, window=64):
    options = {"context_length": 8192, "embedding_length": width, "block_count": layers, "feed_forward_length": width,
               "attention.head_count": heads, "attention.head_count_kv": kv_heads, "attention.key_length": head_dim,
               "attention.value_length": head_dim, "attention.layer_norm_rms_epsilon": 1e-6,
               "attention.sliding_window": window, "attn_logit_softcapping": 2.0}
    shapes = {"token_embd.weight": (WORDS, width), "output_norm.weight": (width,)}
    for i in range(layers):
        layer = {f"{norm}_norm": (width,) for norm in ("attn", "post_attention", "ffn", "post_ffw")}
        layer |= {"attn_q": (heads * head_dim, width), "attn_k": (kv_heads * head_dim, width),
                  "attn_v": (kv_heads * head_dim, width), "attn_output": (width, heads * head_dim)}
        layer |= {f"ffn_{part}": (width, width) for part in ("gate", "up", "down")}
        shapes |= {f"blk.{i}.{name}.weight": shape for name, shape in layer.items()}
    return write_gguf(path, _general("gemma2", options), _weights(shapes))


def mpt(path, layers=2, width=192, heads=3):
    """Three heads: the third takes a slope from between the first two's."""
    options = {"context_length": 8192, "embedding_length": width, "block_count": layers, "feed_forward_length": width,
               "attention.head_count": heads, "attention.layer_norm_epsilon": 1e-5, "attention.max_alibi_bias": 8.0}
    shapes = {"token_embd.weight": (WORDS, width), "output_norm.weight": (width,)}
    for i in range(layers):
        layer = {"attn_norm": (width,), "attn_qkv": (3 * width, width), "attn_output": (width, width),
                 "ffn_norm": (width,), "ffn_up": (width, width), "ffn_down": (width, width)}
        shapes |= {f"blk.{i}.{name}.weight": shape for name, shape in layer.items()}
    return write_gguf(path, _general("mpt", options), _weights(shapes))
