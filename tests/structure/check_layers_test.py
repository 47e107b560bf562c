"""Each rule of check_layers.py, broken once: it must be noticed."""
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKER = Path(__file__).parents[2] / "cmake" / "check_layers.py"
LONG_BODY = "int f(int a) {\n" + "  ++a;\n" * 40 + "  return a;\n}\n"

# path, text, what the checker says; None: nothing is wrong
CASES = [
    ("core/a.hpp", '#include <span>\n#include "crest/core/b.hpp"\n', None),
    ("backend/a.hpp", '#include "crest/kernel/b.inl"\n#include "crest/policy/c.hpp"\n', None),
    ("core/a.hpp", '#include "crest/policy/b.hpp"\n', "core must not include"),
    ("policy/a.hpp", '#include "crest/simd/target.hpp"\n', "policy must not include"),
    ("attention.hpp", '#include "crest/executors.hpp"\n', "attention.hpp must not include"),
    ("kernel/a.inl", "#include <cmath>\n", "must include nothing"),
    ("backend/a.hpp", "#include <immintrin.h>\n", "intrinsics belong"),
    ("backend/a.hpp", '#pragma GCC target("avx2")\n', "target pragmas belong"),
    ("core/a.hpp", "#include <Eigen/Core>\n", "Eigen belongs"),
    ("core/a.hpp", "inline void f() { throw 1; }\n", "says 'throw'"),
    ("core/a.hpp", "inline void f() { std::abort(); }\n", "says 'abort('"),
    ("core/a.hpp", 'inline void f() { std::printf("x"); }\n', "says 'printf('"),
    ("core/a.hpp", '// never throw\nconstexpr const char* s = "abort()";\n', None),
    ("core/a.hpp", "".join(f"#define CREST_{c} 1\n" for c in "ABCDEFGHI"), "9 macros"),
    ("core/a.hpp", "int x;\n" * 401, "401 lines"),
    ("core/a.hpp", LONG_BODY, "line 1 has 43 lines"),
    ("core/a.hpp", "template <class T>\nstruct S {\n  T t{};\n\n" + LONG_BODY + "};\n", "line 5 has 43 lines"),
    ("core/a.hpp", "namespace a {\n" + "int f(int b) {\n  return b;\n}\n" * 30 + "}\n", None),
    ("new/a.hpp", "", "no layer is named new"),
]


def judge(path, text):
    with tempfile.TemporaryDirectory() as root:
        file = Path(root, "crest", path)
        file.parent.mkdir(parents=True)
        file.write_text(text)
        run = subprocess.run([sys.executable, CHECKER, root], capture_output=True, text=True)
        return run.returncode, run.stdout


def main():
    wrong = 0
    for path, text, expected in CASES:
        code, said = judge(path, text)
        right = code == 0 if expected is None else code == 1 and expected in said
        if not right:
            wrong += 1
            print(f"{path}: expected {expected!r}, but it says {said!r} about\n{text[:200]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
