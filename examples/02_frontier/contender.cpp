#include "contender.hpp"

#include <stdexcept>

namespace frontier {
namespace {

crest::KeyIndex empty_index(const demo::Batch& batch, const crest::IndexOptions& options) {
  return {batch.trace().kv_heads, batch.trace().head_dim, options};
}

void follow_index(crest::KeyIndex& index, const Problem& p) {
  const Index known = index.size();
  const crest::TensorView<const crest::f16, 3> more(p.k.data_handle() + known * p.k.stride(1),
                                                    {p.k.extent(0), p.keys() - known, p.k.extent(2)},
                                                    {p.k.stride(0), p.k.stride(1), p.k.stride(2)});
  const crest::Status status = known > p.keys() ? index.truncate(p.keys()) : index.append(more);
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

}  // namespace

Beside::Beside(const demo::Batch& batch)
    : codes(demo::empty_sketch(batch)),
      rows(demo::empty_sketch(batch)),
      means(empty_index(batch, {.grouping = crest::Grouping::means})),
      bounds(empty_index(batch, {.grouping = crest::Grouping::bounds})),
      clusters(empty_index(batch, {.grouping = crest::Grouping::clusters, .group_keys = 64})) {}

void Beside::follow(const Problem& p) {
  demo::follow(codes, p, demo::SketchRows::none);
  demo::follow(rows, p, demo::SketchRows::bytes);
  for (crest::KeyIndex* index : {&means, &bounds, &clusters}) follow_index(*index, p);
}

}  // namespace frontier
