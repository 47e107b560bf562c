#!/usr/bin/env python3
"""The plugin inside llama.cpp with a model, against llama.cpp alone: model_test.py <libggml-crest.so>

Every scenario is played twice, without and with crest, with the same tokens; the distributions of the next token must
agree at its end. Guided must then have gone through its sketches, and not have come back to exact.
"""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "llama_cpp"))
import engine  # noqa: E402
import tiny_models  # noqa: E402
from engine import api  # noqa: E402
from quality import divergence  # noqa: E402

PLUGIN = engine.Plugin(sys.argv.pop(1))
MODEL = engine.Model(engine.bundled_model())
LENGTH, ROOM = 1700, 2304  # guided wants 1536 visible keys
TOKENS = MODEL.tokens(engine.real_text(), 4 * LENGTH)
PROMPTS = {}  # states after LENGTH tokens, by where these begin and by kind of cache
# Two exact attentions that differ in the order of their sums alone differ by about 0.003 in this model.
NOISE, GUIDED_NOISE = 0.02, 0.06


def with_recipe(words, scenario, **options):
    """What the scenario returns when contexts run with these options, and the plugin's statistics."""
    PLUGIN.configure(words)
    PLUGIN.reset_statistics()
    with engine.Context(MODEL, options.pop("room", ROOM), 1, **options) as context:
        return scenario(context), PLUGIN.statistics()


def prompt(context, first=0, sequence=0):
    """Read once by llama.cpp alone; from then on its state is loaded, which takes no time."""
    key = (first, context.unified, context.cache)
    if key not in PROMPTS:
        words = PLUGIN.words
        PLUGIN.configure("off")
        with engine.Context(MODEL, 2 * ROOM, 1, sequences=2, unified=context.unified, cache=context.cache) as reader:
            reader.decode(TOKENS[first : first + LENGTH], 0)
            PROMPTS[key] = reader.state()
        PLUGIN.configure(words)
    context.restore(PROMPTS[key], sequence)


def continue_from(context, position, count=6, first=2 * LENGTH, sequence=0):
    """Feeds single tokens; logits of the last."""
    for i in range(count):
        logits = context.decode([TOKENS[first + i]], position + i, sequence)
    return logits


class Scenarios:
    """Each returns logits."""

    @staticmethod
    def growing(context):
        prompt(context)
        return continue_from(context, LENGTH, 80)

    @staticmethod
    def removed_at_the_end_and_written_again(context):
        prompt(context)
        continue_from(context, LENGTH)
        api.llama_memory_seq_rm(context.memory, 0, LENGTH - 200, -1)
        context.decode(TOKENS[3 * LENGTH : 3 * LENGTH + 200], LENGTH - 200)  # in one batch
        return continue_from(context, LENGTH)

    @staticmethod
    def shifted(context):
        """What a chat does that runs out of context: drops tokens, and moves the rest."""
        prompt(context)
        continue_from(context, LENGTH)
        api.llama_memory_seq_rm(context.memory, 0, 100, 150)
        api.llama_memory_seq_add(context.memory, 0, 150, -1, -50)
        return continue_from(context, LENGTH + 6 - 50, 20)

    @staticmethod
    def state_loaded(context):
        prompt(context)
        continue_from(context, LENGTH)
        state = context.state()
        api.llama_memory_clear(context.memory, True)
        prompt(context, LENGTH)
        continue_from(context, LENGTH)
        context.restore(state)
        return continue_from(context, LENGTH + 6)

    @staticmethod
    def cleared_without_its_data(context):
        prompt(context)
        continue_from(context, LENGTH)
        api.llama_memory_clear(context.memory, False)
        prompt(context, LENGTH)
        return continue_from(context, LENGTH)

    @staticmethod
    def copied_to_another_sequence(context):
        prompt(context)
        continue_from(context, LENGTH)
        api.llama_memory_seq_cp(context.memory, 0, 1, -1, -1)
        continue_from(context, LENGTH + 6, first=3 * LENGTH, sequence=1)
        continue_from(context, LENGTH + 6)
        return continue_from(context, LENGTH + 12, sequence=1)


class Exact(unittest.TestCase):
    def test_every_scenario(self):
        for name in ("growing", "removed_at_the_end_and_written_again", "shifted"):
            with self.subTest(name):
                scenario = getattr(Scenarios, name)
                wanted, _ = with_recipe("off", scenario)
                got, statistics = with_recipe("exact", scenario)
                self.assertLess(divergence(wanted, got), NOISE)
                self.assertGreater(statistics["decode"]["nodes"], 0)
                self.assertEqual(statistics["left_to_ggml"], 0)
                self.assertEqual(statistics["decode"]["bytes_read"], statistics["decode"]["bytes_dense"])

    def test_flash_attention_left_to_llama_cpp_to_choose(self):
        _, statistics = with_recipe("exact", Scenarios.growing, flash=api.LLAMA_FLASH_ATTN_TYPE_AUTO)
        self.assertEqual(statistics["decode"]["nodes"], 80 * MODEL.layers)

    def test_batches_of_several_sequences(self):
        def scenario(context):
            prompt(context)
            prompt(context, LENGTH, 1)
            return context.decode_together([TOKENS[2 * LENGTH], TOKENS[3 * LENGTH]], LENGTH)

        for unified in (False, True):
            with self.subTest(unified=unified):
                options = {"room": 2 * ROOM, "sequences": 2, "unified": unified}
                wanted, _ = with_recipe("off", scenario, **options)
                got, statistics = with_recipe("exact", scenario, **options)
                self.assertLess(divergence(wanted, got), NOISE)
                self.assertEqual(statistics["left_to_ggml"], 0)
                self.assertGreater(statistics["prompt"]["nodes"] + statistics["decode"]["nodes"], 0)

    def test_what_it_declines_is_llama_cpps_own(self):
        def scenario(context):
            return context.decode(TOKENS[:300], 0)

        mixed = {"cache": engine.Q8_0, "type_v": engine.F16}
        wanted, _ = with_recipe("off", scenario, **mixed)
        got, statistics = with_recipe("exact", scenario, **mixed)
        self.assertEqual(statistics["prompt"]["nodes"], 0)
        np.testing.assert_array_equal(wanted, got)

    def test_quantised_caches(self):
        """The prompt is the same one: what two exact attentions write differs after rounding to 4 bits."""

        def scenario(context):
            prompt(context)
            return continue_from(context, LENGTH)

        for cache in (engine.Q8_0, engine.Q4_0):
            with self.subTest(cache):
                wanted, _ = with_recipe("off", scenario, cache=cache)
                got, statistics = with_recipe("exact", scenario, cache=cache)
                self.assertLess(divergence(wanted, got), NOISE)
                self.assertEqual(statistics["decode"]["nodes"], 6 * MODEL.layers)
                self.assertEqual(statistics["left_to_ggml"], 0)


class Guided(unittest.TestCase):
    def check(self, scenario, words="guided budget=0.2", **options):
        wanted, _ = with_recipe("off", scenario, **options)
        got, statistics = with_recipe(words, scenario, **options)
        decoded = statistics["decode"]
        self.assertLess(divergence(wanted, got), GUIDED_NOISE)
        self.assertGreater(decoded["guided_nodes"], 0)
        self.assertLess(decoded["fallbacks"], 0.1 * decoded["rows"])
        self.assertGreater(statistics["cache_writes"], 0)
        return statistics

    def test_growing(self):
        self.check(Scenarios.growing)

    def test_growing_in_a_quantised_cache(self):
        self.check(Scenarios.growing, "guided budget=0.5", cache=engine.Q8_0)

    def test_removed_at_the_end_and_written_again(self):
        self.check(Scenarios.removed_at_the_end_and_written_again)

    def test_shifted(self):
        self.assertGreater(self.check(Scenarios.shifted)["sketches"]["rebuilt"], 0)

    def test_state_loaded(self):
        self.check(Scenarios.state_loaded)

    def test_cleared_without_its_data(self):
        self.check(Scenarios.cleared_without_its_data)

    def test_copied_to_another_sequence(self):
        for unified in (True, False):
            with self.subTest(unified=unified):
                options = {"room": 2 * ROOM, "sequences": 2, "unified": unified}
                self.check(Scenarios.copied_to_another_sequence, **options)

    def test_two_contexts_in_turn(self):
        def alone(first):
            def scenario(context):
                prompt(context, first)
                return continue_from(context, LENGTH)

            return with_recipe("guided budget=0.2", scenario)[0]

        wanted = [alone(0), alone(LENGTH)]
        PLUGIN.configure("guided budget=0.2")
        with engine.Context(MODEL, ROOM, 1) as one, engine.Context(MODEL, ROOM, 1) as other:
            prompt(one)
            prompt(other, LENGTH)
            for i in range(6):
                got = [c.decode([TOKENS[2 * LENGTH + i]], LENGTH + i) for c in (one, other)]
        np.testing.assert_array_equal(wanted, got)


class OtherModels(unittest.TestCase):
    """Of random weights."""

    def check(self, write, length=400, **options):
        """Graphs of a prompt's batch and of each token thereafter; what attention nodes and masks there were."""
        tokens, rows = list(range(tiny_models.WORDS)) * 2, {}
        with tempfile.TemporaryDirectory() as folder:
            model = engine.Model(write(Path(folder) / "model.gguf"))
        for words in ("off", "exact"):
            PLUGIN.configure(words)
            PLUGIN.reset_statistics()
            with engine.Context(model, 512, 2, **options) as context:
                rows[words] = [context.decode(tokens[:length], 0)]
                rows[words] += [context.decode([tokens[length + i]], length + i) for i in range(12)]
        wanted, got = np.array(rows["off"]), np.array(rows["exact"])
        self.assertLess(np.abs(wanted - got).max(), 0.02 * wanted.std())
        statistics = PLUGIN.statistics()
        self.assertEqual(statistics["prompt"]["nodes"], model.layers)
        self.assertEqual(statistics["decode"]["nodes"], 12 * model.layers)
        self.assertEqual(statistics["left_to_ggml"], 0)
        return statistics["masks_read"] / 13

    def test_windows_and_softcap(self):
        for full in (True, False):
            with self.subTest(full=full):
                self.assertEqual(self.check(tiny_models.gemma2, swa_full=full), 2)

    def test_windows_and_softcap_on_quantised_caches(self):
        self.check(tiny_models.gemma2, cache=engine.Q8_0)

    def test_alibi(self):
        self.assertEqual(self.check(tiny_models.mpt), 1)


class Tools(unittest.TestCase):
    def test_traces(self):
        with tempfile.TemporaryDirectory() as folder:
            words = f"exact capture={folder} capture_layers=3,12 capture_keys=600"
            with_recipe(words, lambda context: context.decode(TOKENS[:700], 0))
            meta = json.loads((Path(folder) / "meta.json").read_text())
            self.assertEqual(meta["layers"], [3, 12])
            positions = np.load(Path(folder) / "qpos.npy")
            self.assertEqual((positions[-1], len(positions)), (599, 512))
            for layer in ("03", "12"):
                q, k, v = (np.load(Path(folder) / f"{x}_{layer}.npy") for x in "qkv")
                self.assertEqual(q.shape, (meta["n_head"], 512, meta["head_dim"]))
                self.assertEqual(k.shape, (meta["n_kv"], 600, meta["head_dim"]))
                self.assertEqual(v.shape, k.shape)
                self.assertTrue(np.isfinite(q).all() and np.abs(q).max() > 0 and np.abs(k[:, -1]).max() > 0)

    def test_wrong_options_are_refused(self):
        with self.assertRaisesRegex(ValueError, "budget=2"):
            PLUGIN.configure("guided budget=2x")


class Unloading(unittest.TestCase):
    """Last, in alphabetical order."""

    def test_llama_cpp_goes_on_alone(self):
        with_recipe("guided", Scenarios.growing)
        wanted, _ = with_recipe("off", Scenarios.growing)
        PLUGIN.unload()
        with engine.Context(MODEL, ROOM, 1) as context:
            np.testing.assert_array_equal(Scenarios.growing(context), wanted)


if __name__ == "__main__":
    unittest.main()
