// mixed: exact attention of prompts in mixed precision, products of bf16 and sums of floats, by the tile registers of
// the CPU.
#pragma once

#include "crest/core/work.hpp"
#include "crest/policy/recipe.hpp"
#include "crest/policy/softmax.hpp"

namespace crest {
inline namespace CREST_ABI {

/// target_error: rows whose predicted error is higher are done again in floats; 0: only those that met what is not
/// finite. Predictions are root mean squares: the default keeps all but rare errors below 0.005. emulate: computes what
/// tile registers would, on any backend, in software: slow, to try what a model makes of it.
struct MixedOptions {
  float target_error = 0.003f;
  bool emulate = false;
};

/// All visible keys, as exact; scores with 16 bits of mantissa, weights and values rounded to bf16 (8 bits), sums of
/// floats. For calls of many rows on a backend with tiles ("amx": crest::probe() or CREST_BACKEND=amx puts it in use);
/// whatever else is done in floats and counts as a fallback. Takes what exact takes. Problem::error: predicted
/// |o - exact| / |exact| of each row, 0 where it is exact; an estimate, not a bound. A target error below 0:
/// Status::recipe_target_error. Sources: Intel SDM volume 2, TDPBF16PS, VDPBF16PS; a float as several bf16: Henry, Tang
/// and Heinecke 2019 (arXiv 1904.06376).
struct Mixed {
  MixedOptions options{};
  Lazy softmax{};

  static constexpr Path path = Path::mixed;

  /// mixed with other options: those not named take their defaults.
  constexpr Mixed with(MixedOptions changed) const { return {changed, softmax}; }
  /// The option that is out of its range, or ok.
  constexpr Status check() const { return detail::check_options(options); }
  /// What multiplies, on a backend with tile registers or without.
  constexpr TileUnit unit(bool tiles) const {
    if (options.emulate) return TileUnit::model;
    return tiles ? TileUnit::amx : TileUnit::none;
  }
};

inline constexpr Mixed mixed{};

}  // namespace CREST_ABI
}  // namespace crest
