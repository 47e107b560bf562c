// What several Reports counted together, and how methods are called.
#pragma once

#include <stdexcept>
#include <string>

#include "crest/crest.hpp"

namespace demo {

/// Names what belongs together, a line in a figure, and one of it.
struct Label {
  std::string family, setting{};

  std::string text() const { return setting.empty() ? family : family + " " + setting; }
};

/// Sums of what Reports on parts of a batch counted.
struct Counted {
  double rows = 0, keys_visible = 0, keys_used = 0, bytes_read = 0, bytes_dense = 0, fallbacks = 0, rescales = 0;

  void add(const crest::Report& report) {
    const auto number = [](auto count) { return static_cast<double>(count); };
    add({number(report.rows), number(report.keys_visible), number(report.keys_used), number(report.bytes_read),
         number(report.bytes_dense), number(report.fallbacks), number(report.rescales)});
  }
  void add(const Counted& more) {
    rows += more.rows;
    keys_visible += more.keys_visible;
    keys_used += more.keys_used;
    bytes_read += more.bytes_read;
    bytes_dense += more.bytes_dense;
    fallbacks += more.fallbacks;
    rescales += more.rescales;
  }
};

/// Throws what a failed call says.
inline void require_ok(const crest::Report& report) {
  if (!report.ok()) throw std::runtime_error(crest::to_string(report.status));
}

}  // namespace demo
