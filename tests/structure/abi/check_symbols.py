"""Reads the code of abi_test: nothing that the baseline translation unit calls may hold wide instructions, unless it
belongs to a backend's target region. Usage: check_symbols.py objdump program"""
import re
import subprocess
import sys

SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$", re.M)
REGIONS = ("::avx2::", "::avx512::")
VECTOR_EXTENSION = re.compile(r"\t(v[a-z0-9]+)\s|%[yz]mm")


def disassemble(objdump, program):
    """Symbol -> its instructions, for everything that mentions crest."""
    command = [objdump, "--disassemble", "--demangle", "--no-show-raw-insn", program]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parts = SYMBOL.split(text)
    return {name: body for name, body in zip(parts[1::2], parts[2::2]) if "crest::" in name}


def holds(code, pattern, selected):
    return [name for name in code if selected(name) and re.search(pattern, code[name])]


def main():
    code = disassemble(*sys.argv[1:])
    scalar_base = [n for n in code if "abi_base::scalar::" in n]
    scalar_wide = holds(code, "%zmm", lambda n: "abi_avx512::scalar::" in n)
    bad = holds(code, VECTOR_EXTENSION,
                lambda n: "abi_avx512" not in n and not n.startswith("wide::") and not any(r in n for r in REGIONS))
    print(f"{len(scalar_base)} scalar kernels for the baseline, {len(scalar_wide)} use 512-bit registers for AVX-512")
    print("\n".join(f"wide instructions in {name}" for name in bad))
    return 0 if scalar_base and scalar_wide and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
