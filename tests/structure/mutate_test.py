"""The judgements of mutate.py: only a failure that GoogleTest reports kills a mutant, and stale edits are errors."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "cmake"))
import mutate

BLOCK = """# comment
file: kernel/weigh.inl
- if (peak > limit)
+ if (peak < limit)
test: kernel_test Weigh.*
why: the reference never moves.

file: core/mask.hpp
- a
- b
+ c
test: mask_test
why: two lines become one.
"""


class Mutate(unittest.TestCase):
    def test_parses_blocks(self):
        first, second = mutate.parse(BLOCK, "list")
        self.assertEqual((first.file, first.test, first.only), ("kernel/weigh.inl", "kernel_test", "Weigh.*"))
        self.assertEqual((second.old, second.new, second.only), (["a", "b"], ["c"], "*"))

    def test_edits_once(self):
        first, second = mutate.parse(BLOCK, "list")
        self.assertEqual(first.edit("x; if (peak > limit) y;"), "x; if (peak < limit) y;")
        self.assertEqual(second.edit("a\nb\n"), "c\n")

    def test_refuses_stale_and_ambiguous_edits(self):
        first, _ = mutate.parse(BLOCK, "list")
        for text in ("", "if (peak > limit) if (peak > limit)"):
            with self.assertRaises(SystemExit):
                first.edit(text)

    def test_only_a_reported_failure_kills(self):
        self.assertEqual(mutate.verdict(1, "[  FAILED  ] Weigh.Moves"), "killed")
        self.assertEqual(mutate.verdict(0, "[  PASSED  ] 3 tests."), "survived")
        self.assertEqual(mutate.verdict(-11, ""), "crashed")


if __name__ == "__main__":
    unittest.main()
