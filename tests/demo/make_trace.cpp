// Writes a small trace of made-up numbers, always the same: make_trace <folder> <keys>.
// Another shape than any recorded one, and keys that drift slowly, so that scores are smoother than a language model's.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr long heads = 4, kv_heads = 2, head_dim = 40, value_dim = 24, positions = 21;

/// Rounds towards zero; magnitudes from 2^-14 up to 65504 only, all others become 0.
std::uint16_t half(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t exponent = bits >> 23 & 0xff;
  if (exponent < 113 || exponent > 142) return 0;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000) | (exponent - 112) << 10 | (bits >> 13 & 0x3ff));
}

class Noise {
 public:
  /// Uniform in -1..1.
  float operator()() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1p-31f;
  }

 private:
  std::uint64_t state_ = 20240229;
};

template <class T>
void write_npy(const fs::path& file, const std::string& descr, const std::string& shape, const std::vector<T>& data) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((header.size() + 10 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::ofstream out(file, std::ios::binary);
  const char length[] = {static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  out << "\x93NUMPY" << '\x01' << '\0';
  out.write(length, 2);
  out << header;
  out.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
}

std::string shape(long a, long b, long c) {
  return std::to_string(a) + ", " + std::to_string(b) + ", " + std::to_string(c);
}

/// Rows that drift: each row is mostly the row before.
std::vector<std::uint16_t> drifting(Noise& noise, long tables, long rows, long dim, float drift, float size) {
  std::vector<std::uint16_t> all;
  std::vector<float> row(dim);
  for (long i = 0; i < tables * rows; ++i)
    for (float& x : row) all.push_back(half(size * (x = (1 - drift) * x + std::sqrt(drift) * noise())));
  return all;
}

void write_layer(const fs::path& folder, const std::string& number, long keys, Noise& noise, float drift) {
  write_npy(folder / ("q_" + number + ".npy"), "<f2", shape(heads, positions, head_dim),
            drifting(noise, heads, positions, head_dim, 1, 4));
  write_npy(folder / ("k_" + number + ".npy"), "<f2", shape(kv_heads, keys, head_dim),
            drifting(noise, kv_heads, keys, head_dim, drift, 1.5f));
  write_npy(folder / ("v_" + number + ".npy"), "<f2", shape(kv_heads, keys, value_dim),
            drifting(noise, kv_heads, keys, value_dim, drift, 1));
}

}  // namespace

int main(int argc, char** argv) {
  const long keys = argc == 3 ? std::atol(argv[2]) : 0;
  if (keys < 1) {
    std::cerr << "usage: make_trace <folder> <keys>\n";
    return 2;
  }
  const fs::path folder = argv[1];
  fs::create_directories(folder);
  std::ofstream(folder / "meta.json") << "{\"n\": " << keys << ", \"n_head\": " << heads << ", \"n_kv\": " << kv_heads
                                      << ", \"head_dim\": " << head_dim << ", \"value_dim\": " << value_dim
                                      << ", \"text\": \"made up\", \"layers\": [3, 11]}\n";
  std::vector<std::int64_t> at;
  for (long i = 0; i < positions; ++i) at.push_back(i == 0 ? 0 : std::max(0L, keys - 1 - 61 * (positions - 1 - i)));
  write_npy(folder / "qpos.npy", "<i8", std::to_string(positions) + ",", at);
  Noise noise;
  write_layer(folder, "03", keys, noise, 0.02f);
  write_layer(folder, "11", keys, noise, 0.5f);
  return 0;
}
