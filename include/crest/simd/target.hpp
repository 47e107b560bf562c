// The only file that knows target pragmas and includes intrinsics. Everything foreign that kernel text uses is included
// here, before any target region opens: a standard header first seen inside a region would be compiled for that ISA.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// A region compiles what stands between BEGIN and END for more than the baseline. Regions open outside namespaces.
#if defined(__clang__)
#define CREST_TARGET_BEGIN(features) \
  _Pragma(CREST_TEXT(clang attribute push(__attribute__((target(features))), apply_to = function)))
#define CREST_TARGET_END _Pragma("clang attribute pop")
#define CREST_UNROLL _Pragma("unroll")
#else
#define CREST_TARGET_BEGIN(features) _Pragma("GCC push_options") _Pragma(CREST_TEXT(GCC target(features)))
#define CREST_TARGET_END _Pragma("GCC pop_options")
#define CREST_UNROLL _Pragma("GCC unroll 16")
#endif
#define CREST_TEXT(...) #__VA_ARGS__
