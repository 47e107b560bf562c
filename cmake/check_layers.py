#!/usr/bin/env python3
"""Checks the rules of the library's source tree. Usage: check_layers.py [include directory]

Layers       a header includes only what stands under it; kernel text (.inl) includes nothing
Targets      intrinsics headers and target pragmas in simd/target.hpp only
Manners      no printing, aborting or throwing
Sizes        at most 8 macros, 400 lines a file, 40 lines a function
"""
import re
import sys
from pathlib import Path

STANDS_ON = {
    "core": [],
    "policy": ["core"],
    "simd": ["core"],
    "kernel": ["simd"],
    "backend": ["policy", "kernel"],
    "sketch": ["backend"],
    "attention.hpp": ["sketch"],
    "ascend": ["attention.hpp"],
    "cascade.hpp": ["attention.hpp"],
    "crest.hpp": ["cascade.hpp"],
    "executors.hpp": ["attention.hpp"],
    "eigen.hpp": ["attention.hpp"],
    "dynamics": ["eigen.hpp"],
    "probe.hpp": ["attention.hpp"],
}
TARGETS = "simd/target.hpp"
MAX_MACROS, MAX_FILE_LINES, MAX_FUNCTION_LINES = 8, 400, 40

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.M)
INTRINSICS = re.compile(r"(intrin|arm_neon|arm_sve)\.h$")
TARGET_PRAGMA = re.compile(r"#\s*pragma\s+(GCC (target|push_options)|clang attribute)|_Pragma|\[\[gnu::target")
RUDE = re.compile(r"\b(throw|abort|exit|terminate|assert|f?printf|puts)\b\s*[(;]|\bthrow\b|std::(cout|cerr|clog)\b")
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(CREST_\w+)", re.M)
TYPE_OR_NAMESPACE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def layer_of(path):
    return path.split("/")[0]


def reachable(layer):
    """The layers that files of `layer` may include."""
    below = {layer}
    for next_layer in STANDS_ON[layer]:
        below |= reachable(next_layer)
    return below


def blank_out(match):
    return re.sub(r"[^\n]", " ", match.group())


def strip_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", blank_out, text, flags=re.S)


def strip_strings(text):
    return re.sub(r'"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])\'', blank_out, text)


def check_includes(path, text):
    for included in INCLUDE.findall(text):
        if path.endswith(".inl"):
            yield f"kernel text must include nothing, but includes {included}"
        elif INTRINSICS.search(included) and path != TARGETS:
            yield f"intrinsics belong into {TARGETS}, but it includes {included}"
        elif included.startswith("crest/"):
            layer = layer_of(included.removeprefix("crest/"))
            if layer not in reachable(layer_of(path)):
                yield f"{layer_of(path)} must not include {included}"
        elif included.startswith("Eigen/") and layer_of(path) not in ("eigen.hpp", "dynamics"):
            yield f"Eigen belongs into eigen.hpp and dynamics/, but it includes {included}"


def check_text(path, text):
    if path != TARGETS and TARGET_PRAGMA.search(text):
        yield f"target pragmas belong into {TARGETS}"
    for rude in RUDE.finditer(strip_strings(text)):
        yield f"the library neither prints, aborts nor throws, but says '{rude.group().strip()}'"


def is_function(head):
    """Whether the text before a '{' begins a function: it has parameters, and no type or namespace opens."""
    head = re.sub(r"\btemplate\s*<[^{}]*?>\s*(?=[\w\[:])|\bCREST_TARGET_BEGIN\([^)]*\)", "", head)
    return "(" in head and not TYPE_OR_NAMESPACE.search(head.split("(")[0])


def is_initialiser(head):
    """`x{1}` and `= {1}`; the brace of a body follows a space."""
    return head.endswith("= ") or bool(re.search(r"[\w>\])(,{]$", head))


def skip_block(text, at):
    """Position behind the block whose '{' is at `at`."""
    depth = 0
    for brace in re.compile("[{}]").finditer(text, at):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return brace.end()
    return len(text)


def functions(text):
    """(first line, number of lines) of every function body at namespace or class scope."""
    start = at = 0
    while match := re.compile("[{};]|(?<=:)\n").search(text, at):
        at, head = match.end(), text[start:match.start()]
        if match.group() == "{" and is_initialiser(head):
            at = skip_block(text, match.start())
            continue
        if match.group() == "{" and is_function(head):
            at = skip_block(text, match.start())
            first = len(text) - len(text[start:].lstrip())
            yield text.count("\n", 0, first) + 1, text.count("\n", first, at) + 1
        start = at


def drop_directives(text):
    return re.sub(r"^[ \t]*#([^\n]*\\\n)*[^\n]*", blank_out, text, flags=re.M)


def check_sizes(text):
    lines = text.count("\n")
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines, at most {MAX_FILE_LINES}"
    for line, length in functions(drop_directives(strip_strings(text))):
        if length > MAX_FUNCTION_LINES:
            yield f"the function at line {line} has {length} lines, at most {MAX_FUNCTION_LINES}"


def check_file(path, text):
    if layer_of(path) not in STANDS_ON:
        return [f"no layer is named {layer_of(path)}"]
    code = strip_comments(text)
    return [*check_includes(path, code), *check_text(path, code), *check_sizes(code)]


def check_macros(texts):
    macros = {name for text in texts for name in MACRO.findall(text)}
    if len(macros) > MAX_MACROS:
        return [f"{len(macros)} macros, at most {MAX_MACROS}: {' '.join(sorted(macros))}"]
    return []


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "include") / "crest"
    files = {f.relative_to(root).as_posix(): f.read_text() for f in sorted(root.rglob("*")) if f.is_file()}
    problems = [f"{path}: {problem}" for path, text in files.items() for problem in check_file(path, text)]
    problems += check_macros(files.values())
    print("\n".join(problems) or f"{len(files)} files follow the rules")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
