// Version, and the two inline namespaces that keep differently compiled translation units apart.
//
//   crest::v0     data types (views, Problem, Report ...): the same layout for every compiler flag, so objects may
//                 pass between translation units built with different -m flags. Their members are always inlined.
//   crest::<abi>  everything with a body worth vectorising. The name holds the compile baseline; without it the
//                 linker would keep one copy of an inline function and hand an AVX-512 body to a baseline caller.
#pragma once

#define CREST_VERSION 100  // major * 10000 + minor * 100 + patch

#if defined(__FAST_MATH__)
#error "crest: -ffast-math breaks NaN and infinity handling; compile without it"
#endif

#if defined(__AVX512F__)
#define CREST_ABI abi_avx512
#elif defined(__AVX2__)
#define CREST_ABI abi_avx2
#elif defined(__AVX__)
#define CREST_ABI abi_avx
#elif defined(__SSE4_2__)
#define CREST_ABI abi_sse42
#elif defined(__ARM_FEATURE_SVE)
#define CREST_ABI abi_sve
#else
#define CREST_ABI abi_base
#endif

#define CREST_INLINE [[gnu::always_inline]] inline
