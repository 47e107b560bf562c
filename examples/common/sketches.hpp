// The sketches of a batch. Each problem needs one of exactly the keys it sees.
#pragma once

#include <functional>

#include "batch.hpp"

namespace demo {

/// What a sketch keeps beside its codes: 8-bit rows, or nothing, and drawn rows are read from the cache.
enum class SketchRows { bytes, none };

using Problems = std::span<const crest::Problem<crest::f16>>;

/// A sketch of no keys yet of a batch.
crest::KeySketch empty_sketch(const Batch& batch);
/// Lets a sketch follow the cache to the keys of `p`.
void follow(crest::KeySketch& sketch, const crest::Problem<crest::f16>& p, SketchRows rows);

/// Calls use(problems) for the whole batch in parts, each problem with its sketch: a fork of one that grows from
/// position to position, as a cache does. A part is as many positions as fill `footprint` bytes with forks, so that
/// these, like the cache, do not stay in a core.
void with_sketches(const Batch& batch, SketchRows rows, double footprint, const std::function<void(Problems)>& use);

/// Memory of a sketch of the longest position, as a share of the cache's.
double sketch_memory(const Batch& batch, SketchRows rows);

}  // namespace demo
