// Which backends exist, which of them this machine can run, and which one a call uses.
#pragma once

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "crest/backend/scalar.hpp"
#if defined(__x86_64__)
#include "crest/backend/avx2.hpp"
#include "crest/backend/avx512.hpp"
#elif defined(__aarch64__)
#include "crest/backend/neon.hpp"
#endif

namespace crest {
inline namespace v0 {

/// What probe() found, one bit for each backend, in all translation units of a program alike.
struct Probed {
  std::atomic<unsigned> faulty{0};  ///< out of use
  std::atomic<unsigned> sound{0};   ///< of those with tile registers: in use
};
inline Probed& probed() {
  static Probed found;
  return found;
}

}  // namespace v0
inline namespace CREST_ABI {
namespace detail {

template <class... Regions>
struct RegionList {
  static constexpr int size = sizeof...(Regions);
  static constexpr const char* names[] = {Regions::name...};
  static bool supported(int index) {
    int i = 0;
    return ((i++ == index && Regions::supported()) || ...);
  }
  /// Whether the backend at `index` has tile registers, and so has to be asked for.
  static constexpr bool tiles(int index) {
    int i = 0;
    return ((i++ == index && Regions::tiles) || ...);
  }
  /// Calls f(Region) for the region whose kernels the backend at `index` runs.
  template <class F>
  static void visit(int index, F&& f) {
    int i = 0;
    ((i++ == index ? f(typename Regions::Kernels{}) : void()), ...);
  }
};

// Best first. Adding a backend is adding one word here.
#if defined(__x86_64__)
using Regions = RegionList<avx512::TileRegion, avx512::Region, avx2::Region, scalar::Region>;
#elif defined(__aarch64__)
using Regions = RegionList<neon::Region, scalar::Region>;
#else
using Regions = RegionList<scalar::Region>;
#endif

/// What CREST_BACKEND says, or nullptr. The environment is read once.
inline const char* forced_backend() {
  static const char* const name = std::getenv("CREST_BACKEND");
  return name;
}

}  // namespace detail

/// A way to run kernels on this machine. Values are cheap to copy.
struct Backend {
  int index = -1;

  /// Compiled in, supported by CPU and operating system, and not found faulty by probe(). Tile registers must be asked
  /// for: a backend with them must have been found sound by probe(), or be named by CREST_BACKEND.
  bool available() const {
    if (index < 0 || probed().faulty.load() >> index & 1u || (tiles() && !trusted())) return false;
    return detail::Regions::supported(index);
  }
  /// Whether it has tile registers, for the recipe `mixed`.
  bool tiles() const { return index >= 0 && detail::Regions::tiles(index); }
  const char* name() const { return index < 0 ? "unknown" : detail::Regions::names[index]; }

  /// Every backend compiled in, best first, available or not.
  static std::span<const Backend> all();
  /// The backend of that name; an unavailable one when there is none, so that calls return Status::backend.
  static Backend named(std::string_view name);
  /// The one CREST_BACKEND names, else the best available one. The environment is read once.
  static Backend best();

  friend bool operator==(Backend, Backend) = default;

 private:
  bool trusted() const {
    const char* const forced = detail::forced_backend();
    return probed().sound.load() >> index & 1u || (forced != nullptr && std::string_view(forced) == name());
  }
};

inline std::span<const Backend> Backend::all() {
  static constexpr auto list = [] {
    std::array<Backend, detail::Regions::size> backends{};
    for (int i = 0; i < detail::Regions::size; ++i) backends[i].index = i;
    return backends;
  }();
  return list;
}

inline Backend Backend::named(std::string_view name) {
  for (Backend b : all())
    if (name == b.name()) return b;
  return {};
}

inline Backend Backend::best() {
  const char* const forced = detail::forced_backend();
  if (forced != nullptr && *forced != '\0') return named(forced);
  for (Backend b : all())
    if (b.available()) return b;
  return {};
}

/// Calls f(region) for the region of an available backend; user kernel text (CREST_USER_KERNELS) is found through it by
/// argument-dependent lookup. Returns false, and calls nothing, for an unavailable one.
template <class F>
bool dispatch(Backend backend, F&& f) {
  if (!backend.available()) return false;
  detail::Regions::visit(backend.index, f);
  return true;
}

}  // namespace CREST_ABI
}  // namespace crest
