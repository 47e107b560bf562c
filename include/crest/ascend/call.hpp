// One call of the Ascend backend: pack, upload, launch, download, scatter, count.
#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "crest/ascend/device.hpp"
#include "crest/ascend/plan.hpp"
#include "crest/policy/recipe.hpp"

namespace crest {
namespace ascend {
inline namespace CREST_ABI {

/// How `clustered` uses the two vector units of an AI core.
enum class Mapping {
  one_core,   ///< sampler and refiner inside one vector core, overlapped by its pipes; every core owns whole items
  two_cores,  ///< one vector unit samples item t + 1 while the other refines item t; 910B only
};

struct AscendOptions {
  Mapping mapping = Mapping::one_core;
};

/// Host copies of the regions, in one piece of scratch memory.
class Staging {
 public:
  void add(Region region, std::size_t bytes) {
    offset_[index(region)] = total_;
    bytes_[index(region)] = (bytes + 511) / 512 * 512;
    total_ += bytes_[index(region)];
  }
  void use(std::byte* memory) { memory_ = memory; }
  std::size_t total() const { return total_; }
  std::size_t bytes(Region region) const { return bytes_[index(region)]; }
  std::byte* raw(Region region) const { return memory_ + offset_[index(region)]; }
  template <class T>
  T* at(Region region) const {
    return reinterpret_cast<T*>(raw(region));
  }

 private:
  static std::size_t index(Region region) { return static_cast<std::size_t>(region); }

  std::byte* memory_ = nullptr;
  std::size_t total_ = 0;
  std::array<std::size_t, regions> offset_{}, bytes_{};
};

template <Device D, class R>
class Call {
  using Problems = std::span<const Problem<f16>>;

 public:
  Call(D& device, Problems problems, const R& recipe, AscendOptions options)
      : device_(device), problems_(problems), recipe_(recipe), options_(options) {}

  template <class E>
  Report run(E& executor) {
    measure();
    if (most_parts_ > max_parts) return {.status = Status::backend, .expected = max_parts, .found = most_parts_};
    const std::span<std::byte> memory = executor.scratch(staging_.total());
    if (memory.size() < staging_.total()) return out_of_memory(memory.size());
    staging_.use(memory.data());
    std::memset(staging_.raw(Region::slots), 0, staging_.bytes(Region::slots));
    pack();
    if (!reserve()) return out_of_memory(0);
    if (!upload_inputs() || !pass(clustered_ ? decode_kernel() : Kernel::exact)) return {.status = Status::backend};
    if (tally_.fallbacks > 0 && !pass(Kernel::exact)) return {.status = Status::backend};
    Report report = tally_.report();
    for (const Problem<f16>& p : problems_) report.bytes_dense += dense_bytes(p);
    return report;
  }

 private:
  static constexpr bool clustered_ = !R::streams;

  Report out_of_memory(std::size_t found) const {
    return {.status = Status::out_of_memory,
            .expected = static_cast<Index>(staging_.total()),
            .found = static_cast<Index>(found)};
  }

  Kernel decode_kernel() const {
    return options_.mapping == Mapping::two_cores ? Kernel::clustered_mix : Kernel::clustered;
  }

  static std::uint64_t dense_bytes(const Problem<f16>& p) {
    const Index keys = union_count(p, {0, p.queries()}, {0, p.keys()});
    return static_cast<std::uint64_t>(p.kv_heads() * keys * 2 * p.head_dim()) * sizeof(f16);
  }

  // --- sizes

  void measure() {
    grid_ = grid(problems_, grid_limits());
    for (const Problem<f16>& p : problems_) {
      cache_rows_ += p.kv_heads() * p.keys();
      if (p.heads() > 0) head_dim_ = p.head_dim();
    }
    for_each_bundle(problems_, [&](const Bundle& b) {
      Index parts = 0;
      grid_.for_each_piece(visible(b).ranges(), [&](KeyRange) { ++parts; });
      ++bundles_;
      rows_ += b.heads;
      items_ += parts;
      most_parts_ = std::max(most_parts_, parts);
    });
    lay_out();
  }

  GridLimits grid_limits() const {
    GridLimits limits;
    if constexpr (clustered_) {
      Index heads = 1;
      for_each_bundle(problems_, [&](const Bundle& b) { heads = std::max(heads, b.heads); });
      limits.align = recipe_.sampler.step;
      limits.most = limits.align * most_cells(heads);
    }
    return limits;
  }

  void lay_out() {
    const std::size_t row = static_cast<std::size_t>(head_dim_);
    staging_.add(Region::q, rows_ * row * sizeof(float));
    staging_.add(Region::k, cache_rows_ * row * sizeof(f16));
    staging_.add(Region::v, cache_rows_ * row * sizeof(f16));
    staging_.add(Region::items, items_ * sizeof(Item));
    staging_.add(Region::groups, bundles_ * sizeof(Group));
    staging_.add(Region::tiling, sizeof(Tiling));
    staging_.add(Region::info, items_ * info_words * sizeof(std::uint32_t));
    staging_.add(Region::results, bundles_ * result_floats(head_dim_) * sizeof(float));
    staging_.add(Region::slots, bundles_);  // on the host: 1 marks a bundle that exact must do again
  }

  bool reserve() {
    bool ok = device_.reserve(Region::records, items_ * record_floats(head_dim_) * sizeof(float));
    ok = ok && device_.reserve(Region::slots, 2 * device_.workers(Kernel::clustered_mix) * max_samples * sizeof(float));
    for (Region r : {Region::samples, Region::pages}) ok = ok && device_.reserve(r, 512);
    for (Region r : {Region::q, Region::k, Region::v, Region::items, Region::groups, Region::tiling, Region::info,
                     Region::results})
      ok = ok && device_.reserve(r, staging_.bytes(r));
    return ok;
  }

  // --- inputs

  void pack() {
    std::byte *k = staging_.raw(Region::k), *v = staging_.raw(Region::v), *q = staging_.raw(Region::q);
    for (const Problem<f16>& p : problems_) {
      k = pack_planes(p.k, k);
      v = pack_planes(p.v, v);
    }
    for_each_bundle(problems_, [&](const Bundle& b) {
      for (Index h = b.head; h < b.head + b.heads; ++h) q = pack_row(problems_[b.problem].q, h, b.query, q);
    });
  }

  template <class T>
  static std::byte* pack_planes(const TensorView<const T, 3>& t, std::byte* to) {
    for (Index i = 0; i < t.extent(0); ++i)
      for (Index j = 0; j < t.extent(1); ++j) to = pack_row(t, i, j, to);
    return to;
  }

  template <class T>
  static std::byte* pack_row(const TensorView<const T, 3>& t, Index i, Index j, std::byte* to) {
    const std::size_t bytes = static_cast<std::size_t>(t.extent(2)) * sizeof(T);
    std::memcpy(to, t.data_handle() + i * t.stride(0) + j * t.stride(1), bytes);
    return to + bytes;
  }

  bool upload(Region r) { return device_.upload(r, staging_.raw(r), staging_.bytes(r)); }
  bool upload_inputs() { return upload(Region::q) && upload(Region::k) && upload(Region::v); }

  // --- one pass over all bundles, or over those that an earlier pass marked

  bool pass(Kernel kernel) {
    again_ = tally_.fallbacks > 0;
    fill_items();
    if (tiling().items > 0) {
      const int blocks = std::min<int>(device_.workers(kernel), static_cast<int>(tiling().items));
      const int merge_blocks = std::min<int>(device_.workers(Kernel::merge), static_cast<int>(tiling().groups));
      if (!upload(Region::items) || !upload(Region::groups) || !upload(Region::tiling)) return false;
      if (!device_.launch(kernel, blocks) || !device_.launch(Kernel::merge, merge_blocks)) return false;
      for (Region r : {Region::info, Region::results})
        if (!device_.download(staging_.raw(r), r, staging_.bytes(r))) return false;
    }
    collect();
    return true;
  }

  Tiling& tiling() const { return *staging_.at<Tiling>(Region::tiling); }
  Visible visible(const Bundle& b) const { return Visible(problems_[b.problem], b.query); }
  std::byte& mark(Index bundle) const { return staging_.raw(Region::slots)[bundle]; }
  bool wanted(Index bundle) const { return !again_ || mark(bundle) != std::byte{0}; }

  void fill_items() {
    Index item = 0, group = 0, base = 0, problem = 0, bundle = 0;
    for_each_bundle(problems_, [&](const Bundle& b) {
      for (; problem < b.problem; ++problem) base += problems_[problem].kv_heads() * problems_[problem].keys();
      if (!wanted(bundle++)) return;
      const Index first = item;
      const Visible seen = visible(b);
      const Item common = common_item(b, base, seen.ranges());
      grid_.for_each_piece(seen.ranges(), [&](KeyRange piece) {
        Item& it = staging_.at<Item>(Region::items)[item++] = common;
        it.first = static_cast<std::uint32_t>(piece.first);
        it.last = static_cast<std::uint32_t>(piece.last);
      });
      if (item == first) return;
      staging_.at<Group>(Region::groups)[group++] = {static_cast<std::uint32_t>(first),
                                                     static_cast<std::uint32_t>(item - first),
                                                     static_cast<std::uint32_t>(b.row), common.heads};
    });
    fill_tiling(static_cast<std::uint32_t>(item), static_cast<std::uint32_t>(group));
  }

  Item common_item(const Bundle& b, Index base, std::span<const KeyRange> seen) const {
    const Problem<f16>& p = problems_[b.problem];
    const std::uint64_t rows = static_cast<std::uint64_t>((base + b.kv_head * p.keys()) * head_dim_);
    Item item{};
    item.k = item.v = rows;
    item.row = static_cast<std::uint32_t>(b.row);
    item.heads = static_cast<std::uint32_t>(b.heads);
    item.scale = p.scale != 0 ? p.scale : 1 / std::sqrt(static_cast<float>(p.head_dim()));
    if constexpr (clustered_) {
      const Kept kept = always_kept(seen, recipe_.options.keep_first, recipe_.options.keep_last);
      item.keep_until = static_cast<std::uint32_t>(kept.until);
      item.keep_from = static_cast<std::uint32_t>(kept.from);
    }
    return item;
  }

  void fill_tiling(std::uint32_t items, std::uint32_t groups) {
    const CacheLayout packed{static_cast<std::uint32_t>(head_dim_), 0};
    Tiling& t = tiling() = {};
    t.k = t.v = t.samples = packed;
    t.head_dim = static_cast<std::uint32_t>(head_dim_);
    t.items = items, t.groups = groups;
    t.headroom = 40;
    if constexpr (clustered_) {
      t.stride = static_cast<std::uint32_t>(recipe_.sampler.step);
      t.reach = static_cast<std::uint32_t>(divide_up(recipe_.refiner.reach, recipe_.sampler.step));
      t.peaks = static_cast<std::uint32_t>(recipe_.refiner.peaks);
      t.margin = recipe_.softmax.nats, t.headroom = recipe_.softmax.headroom;
      t.drop = recipe_.selection.drop;
    }
  }

  // --- results

  /// What the items of one bundle did.
  struct Counts {
    Index used = 0, loaded = 0, sampled = 0, moves = 0;
  };

  Counts counts_of(const Group& group) const {
    Counts c;
    for (std::uint32_t i = group.first_item; i < group.first_item + group.items; ++i) {
      const std::uint32_t* info = staging_.at<std::uint32_t>(Region::info) + i * info_words;
      c.loaded += info[info_used];
      c.used += info[info_used] / (1 + info[info_moves]);
      c.sampled += info[info_sampled];
      c.moves += info[info_moves];
    }
    return c;
  }

  void collect() {
    Index bundle = 0, group = 0;
    for_each_bundle(problems_, [&](const Bundle& b) {
      const Index at = bundle++;
      if (!wanted(at)) return;
      const Index n = visible(b).count({0, problems_[b.problem].keys()});
      if (n == 0) return write_empty(b);
      const float* result = staging_.at<float>(Region::results) + group * result_floats(head_dim_);
      const Counts c = counts_of(staging_.at<Group>(Region::groups)[group++]);
      count_work(b, c);
      if (!again_ && !vouched(b, result)) {
        mark(at) = std::byte{1};
        tally_.fallbacks += b.heads;
        return;
      }
      tally_.rows += b.heads;
      tally_.keys_visible += b.heads * n;
      tally_.keys_used += b.heads * c.used;
      write(b, result);
    });
  }

  void count_work(const Bundle& b, const Counts& c) {
    tally_.keys_sampled += b.heads * c.sampled;
    tally_.keys_scored += b.heads * (c.used + c.sampled);
    tally_.rescales += b.heads * c.moves;
    tally_.bytes_read += static_cast<std::uint64_t>((2 * c.loaded + c.sampled) * head_dim_) * sizeof(f16);
  }

  const float* shares(const Bundle& b, const float* result) const {
    return result + b.heads * head_dim_ + padded_heads(static_cast<std::uint32_t>(b.heads));
  }

  bool vouched(const Bundle& b, const float* result) const {
    if constexpr (clustered_)
      for (Index h = 0; h < b.heads && recipe_.options.target_error > 0; ++h)
        if (!(shares(b, result)[h] <= recipe_.options.target_error)) return false;
    return true;
  }

  void write(const Bundle& b, const float* result) {
    const float* lse = result + b.heads * head_dim_;
    for (Index h = 0; h < b.heads; ++h) {
      const float share = shares(b, result)[h];
      const float error = !clustered_ || again_ ? 0.0f : share <= 1 ? share : std::numeric_limits<float>::infinity();
      tally_.add_error(error);
      write_row(b, h, result + h * head_dim_, lse[h], error);
    }
  }

  void write_empty(const Bundle& b) {
    tally_.rows += b.heads;
    for (Index h = 0; h < b.heads; ++h)
      write_row(b, h, nullptr, -std::numeric_limits<float>::infinity(), 0);
  }

  void write_row(const Bundle& b, Index h, const float* o, float lse, float error) const {
    const Problem<f16>& p = problems_[b.problem];
    const std::size_t bytes = static_cast<std::size_t>(p.value_dim()) * sizeof(float);
    float* to = p.o.data_handle() + (b.head + h) * p.o.stride(0) + b.query * p.o.stride(1);
    if (o)
      std::memcpy(to, o, bytes);
    else
      std::memset(to, 0, bytes);
    if (p.lse.data_handle()) std::memcpy(&p.lse(b.head + h, b.query), &lse, sizeof lse);
    if (p.error.data_handle()) std::memcpy(&p.error(b.head + h, b.query), &error, sizeof error);
  }

  D& device_;
  Problems problems_;
  const R& recipe_;
  AscendOptions options_;
  Staging staging_;
  Grid grid_;
  Tally tally_;
  Index head_dim_ = 64, rows_ = 0, cache_rows_ = 0, bundles_ = 0, items_ = 0, most_parts_ = 0;
  bool again_ = false;  // the pass that does marked bundles exactly
};

}  // namespace CREST_ABI
}  // namespace ascend
}  // namespace crest
