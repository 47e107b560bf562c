// Kernels that many programs of this tree call, compiled once for all of them where CMake says so
// (cmake/kernels_once.cmake, which has the list). The compiler is told to include this file first; a program that
// brings kernel text of its own includes it after that.
#pragma once

#include "crest/attention.hpp"

#ifdef CREST_KERNELS_ONCE
/// Recipes as the list names them.
namespace test::shared {

using namespace crest;
using Rescaled = Recipe<EveryKey, Stay, Rescaling, Everything>;
using Peaked = Recipe<Stride, Stay, Peak, Everything>;
using Banded = Recipe<EveryKey, Stay, RelativeBand, Everything>;

}  // namespace test::shared

#include "kernels_once.inl"
#endif
