// Kernels that many programs of this tree call, compiled once for all of them where CMake says so
// (cmake/kernels_once.cmake). The compiler is told to include this file first; a program that brings kernel text of its
// own includes it after that.
#pragma once

#include "crest/attention.hpp"

#ifdef CREST_KERNELS_ONCE
namespace test {

using Rescaled = crest::Recipe<crest::EveryKey, crest::Stay, crest::Rescaling, crest::Everything>;

}  // namespace test

extern template struct crest::TaskKernels<float, crest::Exact>;
extern template struct crest::TaskKernels<crest::f16, crest::Exact>;
extern template struct crest::TaskKernels<crest::bf16, crest::Exact>;
extern template struct crest::TaskKernels<crest::q8_0, crest::Exact>;
extern template struct crest::TaskKernels<crest::q4_0, crest::Exact>;
extern template struct crest::TaskKernels<crest::i8, crest::Exact>;
extern template struct crest::TaskKernels<crest::i4x32, crest::Exact>;
extern template struct crest::TaskKernels<float, test::Rescaled>;
extern template struct crest::TaskKernels<crest::f16, test::Rescaled>;
extern template struct crest::TaskKernels<float, crest::Clustered>;
extern template struct crest::TaskKernels<crest::f16, crest::Clustered>;
extern template struct crest::TaskKernels<float, crest::Guided>;
extern template struct crest::TaskKernels<crest::f16, crest::Guided>;
extern template struct crest::TaskKernels<float, crest::Hardmax>;
extern template struct crest::TaskKernels<float, crest::Localmax>;
extern template struct crest::TaskKernels<crest::q4_0, crest::Integer>;
extern template struct crest::TaskKernels<crest::i8, crest::Integer>;
extern template struct crest::TaskKernels<float, crest::Mixed>;
extern template struct crest::TaskKernels<crest::bf16, crest::Mixed>;
extern template struct crest::TaskKernels<float, crest::Sparse>;
extern template struct crest::TaskKernels<crest::f16, crest::Sparse>;
#endif
