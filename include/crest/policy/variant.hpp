// Variants: a user's own change of the logits, on top of any recipe. attention() refuses what a recipe cannot do with
// one (Status::recipe_variant). A mask whose shape is known before is cheaper as Problem::ranges: keys outside are not
// read.
#pragma once

#include <concepts>
#include <span>

#include "crest/core/view.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Logits of some keys for some query heads of one GQA group at one query, nats: after all that LogitOptions asks for.
struct LogitTile {
  float* logits;     ///< [keys][pitch], heads first
  const Index* key;  ///< [keys] positions in the cache; not always neighbours, nor in order
  Index keys = 0, heads = 0, pitch = 0;
  Index first_head = 0;  ///< query head of column 0
  Index query = 0;       ///< 0 .. queries - 1
  Index place = 0;       ///< of the query on the axis of the keys

  CREST_INLINE float& at(Index i, Index h) const { return logits[i * pitch + h]; }
};

/// transform(logits): changes each logit by what it is alone, nats. May be called with logits that are estimates.
template <class V>
concept TransformsLogits = requires(const V v, std::span<float> logits) {
  v.transform(logits);
};

/// mask(tile): changes logits by where they are, too; -inf hides a key.
template <class V>
concept MasksLogits = requires(const V v, const LogitTile& tile) {
  v.mask(tile);
};

/// A recipe with a user's `variant`, whose transform() is called first, then its mask():
///
///     attention(problem, crest::Variant{crest::exact, MyMask{...}})
///
/// Plain code is compiled for the baseline of the program. Where a backend's kernel text (CREST_USER_KERNELS) holds
/// transform_logits(Region, variant, logits) or mask_logits(Region, variant, tile), that is called instead. After
/// FlashInfer's attention variants (arXiv 2501.01005, section 3.2.3).
template <class R, class V>
struct Variant : R {
  static_assert(TransformsLogits<V> || MasksLogits<V>,
                "crest: a variant needs transform(std::span<float>) const or mask(const LogitTile&) const");
  V variant;

  /// The same with other options of the recipe.
  template <class Options>
  constexpr Variant with(const Options& changed) const {
    return {R::with(changed), variant};
  }
};
template <class R, class V>
Variant(R, V) -> Variant<R, V>;

/// Recipes whose variant may hide keys.
template <class R>
concept MasksKeys = requires(const R& recipe, const LogitTile& tile) {
  recipe.variant.mask(tile);
};

}  // namespace CREST_ABI
}  // namespace crest
