// Reads NumPy's .npy files, strictly: what is not exactly as expected is an error that names the file and the field.
#pragma once

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "crest/crest.hpp"

namespace demo {

/// A trace that cannot be used. The message names the file and the field.
struct TraceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws TraceError: "<file>: <field>: <what>".
[[noreturn]] void fail_trace(const std::filesystem::path& file, std::string_view field, const std::string& what);

/// What a file must hold: little-endian elements of one type ("<f2", "<i8" ...), C order, these extents.
struct NpyLayout {
  std::string_view descr;
  std::size_t item_bytes;
  std::vector<crest::Index> shape;
};

/// The elements of `file` as bytes. Throws TraceError when the file is not exactly of this layout.
std::vector<std::byte> read_npy(const std::filesystem::path& file, const NpyLayout& layout);

/// Extents a file declares, without reading its elements.
std::vector<crest::Index> npy_shape(const std::filesystem::path& file);

}  // namespace demo
