"""Times one peer against crest, by turns, in one process, on the same buffers. Writes JSON rows.

    crest_bench_table --list | compare.py --peer ggml --library libcrest_bench_c.so --json rows.json
"""

import argparse
import importlib
import json
import statistics
import sys

import crest_bench as cb

PEERS = {"ggml": "peer_ggml", "torch": "peer_torch", "onnxruntime": "peer_onnxruntime", "vllm": "peer_vllm"}


def row(inputs, name, variant, crest_seconds, times, version):
    limit, crest, peer = times
    case, bytes_read = inputs.case, inputs.k.nbytes + inputs.v.nbytes
    variant.run()
    crest_seconds()
    gbs = lambda seconds: bytes_read / seconds * 1e-9
    return {
        "peer": name, "version": version, "case": case.name, "dtype": case.dtype, "threads": case.threads,
        "n": case.keys, "queries": case.queries, "heads": case.heads, "kv_heads": case.kv_heads, "head_dim": case.head_dim,
        "ms_min": min(peer) * 1e3, "ms_median": statistics.median(peer) * 1e3, "bytes": bytes_read,
        "gbs": gbs(min(peer)), "limit_ms": min(limit) * 1e3, "limit_gbs": gbs(min(limit)),
        "limit_before_gbs": gbs(limit[0]), "limit_after_gbs": gbs(limit[-1]),
        "pct_limit": 100 * min(limit) / min(peer), "err_rel_l2": inputs.error(variant.output()),
        "crest_ms": min(crest) * 1e3, "crest_err": inputs.error(), "ratio": min(peer) / min(crest),
        "backend": inputs.library.backend().decode(),
    }


def line(r):
    return (
        f"{r['peer']:24} {r['case']:16} {r['dtype']:4} t{r['threads']} {r['ms_min']:9.3f} ms "
        f"{r['pct_limit']:5.1f}% of the limit, error {r['err_rel_l2']:.1e} | crest {r['crest_ms']:9.4f} ms, "
        f"error {r['crest_err']:.1e} | {r['ratio']:6.2f}x"
    )


def opponents(inputs):
    """What of crest a peer is compared with, by what the row's name gains: exact; for prompts of bf16 mixed as well."""
    found = {"": inputs.crest_seconds}
    if inputs.case.queries > 1 and inputs.case.dtype == "bf16" and inputs.mixed_seconds() > 0:
        found[" to mixed"] = inputs.mixed_seconds
    return found


def measure(peer, inputs, seconds):
    for variant in peer.variants(inputs):
        variant.run()
        for suffix, crest in opponents(inputs).items():
            timed = [inputs.limit_seconds, crest, lambda: cb.seconds_of(variant.run)]
            yield row(inputs, variant.name + suffix, variant, crest, cb.compete(timed, seconds), peer.VERSION)


def compare(peer, library, cases, seconds):
    rows = []
    for case in cases:
        cb.pin(case.threads)
        inputs = cb.Inputs(library, case)
        for r in measure(peer, inputs, seconds):
            rows.append(r)
            print(line(r), flush=True)
        inputs.close()
    return rows


def try_compare(options, cases):
    library = cb.Library(options.library)  # before the peer, whose OpenMP binds this thread to one CPU
    try:
        return compare(importlib.import_module(PEERS[options.peer]), library, cases, options.time)
    except Exception as error:  # whatever a peer may raise: the others are still to be measured
        print(f"{options.peer} was not measured: {error}", flush=True)
        return [{"peer": options.peer, "unavailable": str(error)}]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=PEERS, required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--time", type=float, default=0.3)
    options = parser.parse_args()
    cases = [cb.Case.parse(text) for text in sys.stdin]
    rows = try_compare(options, cases)
    with open(options.json, "w") as file:
        json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
