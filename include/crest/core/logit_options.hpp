// What a model does to its logits beside scaling them.
#pragma once

#include <span>

#include "crest/core/row_view.hpp"

namespace crest {
inline namespace v0 {

/// Changes of a logit s = scale * q . k (nats), in this order; then the softmax. All are off by default. attention()
/// checks them (Status::softcap_negative, slopes_size, places_size, bias_*, sink_logits_size).
///
/// Sources: softcap: Gemma 2 (arXiv 2408.00118, section 2); slopes: ALiBi (arXiv 2108.12409); sinks: the learnt logit
/// of gpt-oss and of "off-by-one" softmax, where all are 0.
struct LogitOptions {
  float softcap = 0;                ///< > 0: s becomes softcap * tanh(s / softcap)
  std::span<const float> slopes{};  ///< [heads]: adds slopes[h] * (key - place of the query)
  std::span<const Index> places{};  ///< [queries]: places on the axis of the keys; without: keys - queries + query
  RowView<const float> bias{};      ///< [heads, queries, keys]: is added; a stride of 0 repeats; -inf hides a key
  std::span<const float> bias_factors{};  ///< [heads]: the bias is multiplied by it first
  std::span<const float> sinks{};         ///< [heads]: one more logit in the denominator, whose value is zero

  CREST_INLINE constexpr Index place(Index query, Index queries, Index keys) const {
    return places.empty() ? keys - queries + query : places[static_cast<std::size_t>(query)];
  }
  /// Whether keys' logits stay as they are.
  CREST_INLINE constexpr bool unchanged() const { return !(softcap > 0) && slopes.empty() && bias.absent(); }
  CREST_INLINE constexpr bool none() const { return unchanged() && sinks.empty(); }
};

}  // namespace v0
}  // namespace crest
