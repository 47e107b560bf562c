#include "npy.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <sstream>

namespace demo {
namespace {

using crest::Index;
namespace fs = std::filesystem;

std::string text(const std::vector<Index>& shape) {
  std::ostringstream s;
  for (std::size_t i = 0; i < shape.size(); ++i) s << (i ? ", " : "[") << shape[i];
  s << (shape.empty() ? "[]" : "]");
  return s.str();
}

/// The header dictionary of a file, and where its elements start.
struct Header {
  std::string dict;
  std::uintmax_t data_at = 0;
};

std::string read_exactly(std::ifstream& in, std::size_t bytes, const fs::path& file, std::string_view field) {
  std::string s(bytes, '\0');
  in.read(s.data(), static_cast<std::streamsize>(bytes));
  const auto got = static_cast<std::size_t>(in.gcount());
  if (got != bytes)
    fail_trace(file, field, "file ends after " + std::to_string(got) + " of " + std::to_string(bytes) + " bytes");
  return s;
}

/// Bytes 0..5 are the magic, 6 and 7 the version, then the header's length in 2 (version 1) or 4 bytes.
Header read_header(std::ifstream& in, const fs::path& file) {
  if (!in) fail_trace(file, "file", "cannot be opened");
  const std::string start = read_exactly(in, 8, file, "magic");
  if (start.substr(0, 6) != "\x93NUMPY") fail_trace(file, "magic", "not a .npy file");
  const int version = start[6];
  if (version < 1 || version > 3) fail_trace(file, "version", std::to_string(version) + " is unknown");
  const std::size_t width = version == 1 ? 2 : 4;
  const std::string raw = read_exactly(in, width, file, "header length");
  std::size_t length = 0;
  for (std::size_t i = width; i-- > 0;) length = length << 8 | static_cast<unsigned char>(raw[i]);
  if (length > 65536) fail_trace(file, "header length", std::to_string(length) + " bytes is too long");
  return {read_exactly(in, length, file, "header"), 8 + width + length};
}

/// What stands behind 'name': in the header dictionary, to its end.
std::string_view value(const Header& h, std::string_view name, const fs::path& file) {
  const std::string key = std::string("'").append(name).append("':");
  const std::size_t at = h.dict.find(key);
  if (at == std::string::npos) fail_trace(file, name, "missing from the header");
  const std::size_t first = h.dict.find_first_not_of(' ', at + key.size());
  return std::string_view(h.dict).substr(std::min(first, h.dict.size()));
}

std::vector<Index> parse_shape(const Header& h, const fs::path& file) {
  std::vector<Index> shape;
  std::string_view rest = value(h, "shape", file);
  const std::size_t end = rest.find(')');
  if (!rest.starts_with('(') || end == std::string_view::npos) fail_trace(file, "shape", "malformed in the header");
  rest = rest.substr(1, end - 1);
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_not_of(", "), rest.size()));
    if (rest.empty()) break;
    Index extent = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), extent);
    if (error != std::errc{} || extent < 0) fail_trace(file, "shape", "malformed in the header");
    shape.push_back(extent);
    rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
  }
  return shape;
}

/// A value without commas must read exactly so.
void require(const Header& h, std::string_view name, const std::string& expected, const fs::path& file) {
  const std::string_view rest = value(h, name, file);
  const std::string found(rest.substr(0, rest.find_first_of(",}")));
  if (found != expected) fail_trace(file, name, "is " + found + ", expected " + expected);
}

void check_layout(const Header& h, const NpyLayout& layout, const fs::path& file) {
  require(h, "descr", std::string("'").append(layout.descr).append("'"), file);
  require(h, "fortran_order", "False", file);
  const std::vector<Index> shape = parse_shape(h, file);
  if (shape != layout.shape) fail_trace(file, "shape", "is " + text(shape) + ", expected " + text(layout.shape));
}

}  // namespace

void fail_trace(const fs::path& file, std::string_view field, const std::string& what) {
  throw TraceError(file.filename().string() + ": " + std::string(field) + ": " + what);
}

std::vector<std::byte> read_npy(const fs::path& file, const NpyLayout& layout) {
  std::ifstream in(file, std::ios::binary);
  const Header header = read_header(in, file);
  check_layout(header, layout, file);
  std::uintmax_t bytes = layout.item_bytes;
  for (Index extent : layout.shape) bytes *= static_cast<std::uintmax_t>(extent);
  const std::uintmax_t held = fs::file_size(file) - header.data_at;
  if (held != bytes)
    fail_trace(file, "data", "holds " + std::to_string(held) + " bytes, shape needs " + std::to_string(bytes));
  std::vector<std::byte> data(bytes);
  in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(bytes));
  if (!in) fail_trace(file, "data", "cannot be read");
  return data;
}

std::vector<Index> npy_shape(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return parse_shape(read_header(in, file), file);
}

}  // namespace demo
