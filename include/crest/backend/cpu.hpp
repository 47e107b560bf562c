// What this CPU and its operating system can run: CPUID for the instructions, XCR0 for the registers the system saves.
#pragma once

#include "crest/core/config.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace crest {
inline namespace CREST_ABI {
namespace detail {

struct Cpu {
  bool avx2 = false;    ///< AVX2, FMA and F16C
  bool avx512 = false;  ///< AVX-512 F, BW, DQ and VL besides
  bool vnni = false;    ///< and AVX512-VNNI
  bool amx = false;     ///< AVX-512 and AVX512-BF16, and AMX tiles with products of bf16; a process has to ask for them
};

#if defined(__x86_64__)

inline unsigned saved_registers() {
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

inline Cpu detect_cpu() {
  constexpr unsigned fma = 1u << 12, osxsave = 1u << 27, f16c = 1u << 29;                 // leaf 1, ecx
  constexpr unsigned avx2 = 1u << 5, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // leaf 7, ebx: F DQ BW VL
  constexpr unsigned amx = 1u << 22 | 1u << 24;                                           // leaf 7, edx: BF16 TILE
  constexpr unsigned bf16 = 1u << 5;                                                      // leaf 7.1, eax
  constexpr unsigned ymm = 0x6, zmm = 0xe6, tmm = 0x60000;                                // XCR0
  unsigned a, b, c, d, features;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave)) return {};
  const bool base = (c & fma) && (c & f16c);
  if (!__get_cpuid_count(7, 0, &a, &features, &c, &d)) return {};
  constexpr unsigned vnni = 1u << 11;  // leaf 7, ecx
  const unsigned saved = saved_registers();
  Cpu cpu;
  cpu.avx2 = base && (features & avx2) && (saved & ymm) == ymm;
  cpu.avx512 = cpu.avx2 && (features & avx512) == avx512 && (saved & zmm) == zmm;
  cpu.vnni = cpu.avx512 && (c & vnni);
  const bool tiles = (d & amx) == amx && (saved & tmm) == tmm;
  cpu.amx = cpu.avx512 && tiles && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bf16);
  return cpu;
}

#else

inline Cpu detect_cpu() { return {}; }

#endif

inline const Cpu& this_cpu() {
  static const Cpu cpu = detect_cpu();
  return cpu;
}

/// Whether this process may use AMX tiles. Linux saves them for processes that asked once; their signal stacks must
/// hold 8 KiB more from then on.
inline bool may_use_tiles() {
#if defined(__x86_64__) && defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long request_permission = 0x1023, tile_data = 18;
  static const bool granted = this_cpu().amx && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return granted;
#else
  return false;
#endif
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
