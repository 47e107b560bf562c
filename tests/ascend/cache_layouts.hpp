// A device whose cache lies as an engine keeps it: pages in any order, KV heads interleaved, perhaps a cache of sampled
// keys. It rearranges what the host backend uploads, so that every test of the host backend can run on it.
#pragma once

#include <numeric>

#include "ascend/emulated_device.hpp"

namespace test {

struct CacheSpec {
  std::uint32_t kv_heads = 1, head_dim = 64;
  std::vector<std::uint32_t> keys{};  ///< of each sequence
  std::uint32_t page_rows = 64;
  bool interleaved = true;   ///< a page holds [rows][kv_heads], else [kv_heads][rows]
  std::uint32_t stride = 0;  ///< > 0: keep the sampled key of every `stride` keys
};

class PagedDevice {
 public:
  PagedDevice(CacheSpec spec, int cores) : spec_(std::move(spec)), device_(cores) {
    for (std::uint32_t keys : spec_.keys) {
      first_page_.push_back(pages_);
      pages_ += (keys + spec_.page_rows - 1) / spec_.page_rows;
    }
    table_.resize(pages_);
    std::iota(table_.begin(), table_.end(), 0u);
    for (std::uint32_t i = pages_; i > 1; --i) std::swap(table_[i - 1], table_[(i * 7919u) % i]);
  }

  bool reserve(Region r, std::size_t bytes) {
    if (r == Region::k || r == Region::v) bytes = std::size_t{pages_} * page() * 2;
    if (r == Region::pages) bytes = (pages_ * 4 + 511) / 512 * 512;
    if (r == Region::samples) bytes = std::size_t{spec_.kv_heads} * total_cells() * spec_.head_dim * 2 + 512;
    const bool ok = device_.reserve(r, bytes);
    if (r == Region::pages) std::memcpy(device_.at(r), table_.data(), pages_ * 4);
    return ok;
  }

  bool upload(Region r, const void* from, std::size_t bytes) {
    using namespace crest::ascend;
    if (r == Region::k || r == Region::v) {
      place_rows(r, static_cast<const std::uint16_t*>(from));
    } else if (r == Region::items) {
      std::vector<Item> items(bytes / sizeof(Item));
      std::memcpy(items.data(), from, items.size() * sizeof(Item));
      for (Item& item : items) relocate(item);
      std::memcpy(device_.at(r), items.data(), items.size() * sizeof(Item));
    } else if (r == Region::tiling) {
      Tiling t = *static_cast<const Tiling*>(from);
      t.k = t.v = {row_stride(), page()};
      t.page_rows = spec_.page_rows;
      t.sampled = spec_.stride > 0;
      std::memcpy(device_.at(r), &t, sizeof t);
    } else {
      return device_.upload(r, from, bytes);
    }
    return true;
  }

  bool download(void* to, Region r, std::size_t bytes) { return device_.download(to, r, bytes); }
  int workers(Kernel k) const { return device_.workers(k); }
  bool launch(Kernel k, int blocks) { return device_.launch(k, blocks); }
  const EmulatedDevice& emulated() const { return device_; }

 private:
  std::uint32_t page() const { return spec_.page_rows * spec_.kv_heads * spec_.head_dim; }
  std::uint32_t row_stride() const { return spec_.interleaved ? spec_.kv_heads * spec_.head_dim : spec_.head_dim; }
  std::uint32_t head_stride() const { return spec_.interleaved ? spec_.head_dim : spec_.page_rows * spec_.head_dim; }
  std::uint32_t cells(std::size_t s) const {
    return spec_.stride ? (spec_.keys[s] + spec_.stride - 1) / spec_.stride : 0;
  }
  std::uint32_t total_cells() const {
    std::uint32_t n = 0;
    for (std::size_t s = 0; s < spec_.keys.size(); ++s) n += cells(s);
    return n;
  }

  std::uint16_t* row(Region r, std::size_t s, std::uint32_t head, std::uint32_t key) const {
    auto* memory = reinterpret_cast<std::uint16_t*>(device_.at(r));
    const std::size_t at = table_[first_page_[s] + key / spec_.page_rows];
    return memory + at * page() + key % spec_.page_rows * row_stride() + head * head_stride();
  }

  void place_rows(Region r, const std::uint16_t* from) const {
    auto* sampled = reinterpret_cast<std::uint16_t*>(device_.at(Region::samples));
    for (std::size_t s = 0; s < spec_.keys.size(); ++s)
      for (std::uint32_t head = 0; head < spec_.kv_heads; ++head) {
        for (std::uint32_t key = 0; key < spec_.keys[s]; ++key, from += spec_.head_dim) {
          std::memcpy(row(r, s, head, key), from, spec_.head_dim * 2);
          if (r == Region::k && spec_.stride && key % spec_.stride == spec_.stride / 2)
            std::memcpy(sampled + key / spec_.stride * spec_.head_dim, from, spec_.head_dim * 2);
        }
        sampled += cells(s) * spec_.head_dim;
      }
  }

  /// The host packs [sequence][head][key]; here a base is a head's offset, and the page list does the rest.
  void relocate(crest::ascend::Item& item) const {
    std::uint64_t rows = item.k / spec_.head_dim, sample_rows = 0;
    std::size_t s = 0;
    for (; rows >= std::uint64_t{spec_.kv_heads} * spec_.keys[s] && s + 1 < spec_.keys.size(); ++s) {
      rows -= std::uint64_t{spec_.kv_heads} * spec_.keys[s];
      sample_rows += std::uint64_t{spec_.kv_heads} * cells(s);
    }
    const std::uint64_t head = spec_.keys[s] ? rows / spec_.keys[s] : 0;
    item.k = item.v = head * head_stride();
    item.samples = (sample_rows + head * cells(s)) * spec_.head_dim;
    item.page_table = first_page_[s];
  }

  CacheSpec spec_;
  EmulatedDevice device_;
  std::uint32_t pages_ = 0;
  std::vector<std::uint32_t> first_page_, table_;
};

}  // namespace test
