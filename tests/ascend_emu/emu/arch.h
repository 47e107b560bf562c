// What the two chips offer: sizes, and the tables of APIs and types.
#pragma once

#include <type_traits>

#include "emu/types.h"
#include "emu/violation.h"

namespace ascend_emu {

constexpr bool is_910b = __CCE_AICORE__ == 220;  // else 310P
constexpr uint32_t ub_bytes = is_910b ? 192 * 1024 : 256 * 1024;
/// The top 8 KiB belong to the APIs' own temporaries, on 910B another 256 bytes to the system.
constexpr uint32_t ub_user_bytes = is_910b ? 184 * 1024 - 256 : 248 * 1024;

template <class T>
constexpr bool is_half_or_float = std::is_same_v<T, half> || std::is_same_v<T, float>;

/// Arithmetic knows half and float (and integers, where `integers`); bfloat16 has none on either chip.
template <class T, bool integers = false>
inline void require_arithmetic() {
  constexpr bool integer = std::is_same_v<T, int32_t> || std::is_same_v<T, int16_t>;
  require(is_half_or_float<T> || (integers && integer), Check::arch_type, "no arithmetic on this type");
}

/// Cast: half and bfloat16 widen exactly; narrowing knows few rounding modes on 310P.
template <class D, class S>
inline void require_cast(AscendC::RoundMode mode) {
  using AscendC::RoundMode;
  constexpr bool bf16 = std::is_same_v<S, bfloat16_t> || std::is_same_v<D, bfloat16_t>;
  require(is_910b || !bf16, Check::arch_type, "bfloat16 needs 910B");
  constexpr bool narrows = sizeof(D) < sizeof(S);
  if (!narrows) return require(mode == RoundMode::CAST_NONE, Check::arch_type, "widening is exact: CAST_NONE");
  const bool plain = mode == RoundMode::CAST_NONE || mode == RoundMode::CAST_ODD;
  require(is_910b || plain, Check::arch_type, "310P narrows with CAST_NONE and CAST_ODD alone");
}

inline void require_910b(const char* api) { require(is_910b, Check::arch_api, api); }

}  // namespace ascend_emu
