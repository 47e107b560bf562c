// One call of the Ascend backend: pack, upload, launch, download, scatter, count.
#pragma once

#include <limits>

#include "crest/ascend/options.hpp"
#include "crest/ascend/plan.hpp"
#include "crest/ascend/staging.hpp"
#include "crest/attention.hpp"

namespace crest {
namespace ascend {
inline namespace CREST_ABI {

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
    std::memset(&mark(0), 0, static_cast<std::size_t>(bundles_));
    pack();
    if (!reserve()) return out_of_memory(0);
    if (!upload_inputs() || !pass(decode_kernel())) return {.status = Status::backend};
    if (tally_.fallbacks > 0 && !pass(Kernel::exact)) return {.status = Status::backend};
    Report report = tally_.report();
    for (const Problem<f16>& p : problems_) report.bytes_dense += detail::dense_bytes(p);
    return report;
  }

 private:
  static constexpr bool exact_ = reads_all<R>, clustered_ = std::is_same_v<R, Clustered>;
  static constexpr bool sketched_ = std::is_same_v<R, Sketched>;

  Report out_of_memory(std::size_t found) const {
    return {.status = Status::out_of_memory,
            .expected = static_cast<Index>(staging_.total()),
            .found = static_cast<Index>(found)};
  }

  Kernel decode_kernel() const {
    if (exact_) return Kernel::exact;
    if (sketched_) return Kernel::sketched;
    return options_.mapping == Mapping::two_cores ? Kernel::clustered_mix : Kernel::clustered;
  }

  // --- sizes

  void measure() {
    grid_ = grid(problems_, grid_limits());
    for (const Problem<f16>& p : problems_) {
      cache_rows_ += p.kv_heads() * p.keys();
      planes_ += p.kv_heads();
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
    if constexpr (clustered_)
      return clustered_limits(problems_, recipe_.sampler.step);
    else
      return {.least = sketched_ ? Index{2048} : Index{512}};
  }

  void lay_out() {
    const std::size_t row = static_cast<std::size_t>(head_dim_);
    staging_.add(Region::q, rows_ * row * sizeof(float));
    staging_.add(Region::k, cache_rows_ * row * sizeof(f16));
    staging_.add(Region::v, cache_rows_ * row * sizeof(f16));
    staging_.add(Region::sketch, sketched_ ? cache_rows_ * row : 0);
    staging_.add(Region::items, items_ * sizeof(Item));
    staging_.add(Region::groups, bundles_ * sizeof(Group));
    staging_.add(Region::tiling, sizeof(Tiling));
    staging_.add(Region::info, items_ * info_words * sizeof(std::uint32_t));
    staging_.add(Region::results, bundles_ * result_floats(head_dim_) * sizeof(float));
    marks_ = staging_.add_host(bundles_);
    units_ = staging_.add_host(sketched_ ? planes_ * sizeof(float) : 0);
  }

  bool reserve() {
    bool ok = device_.reserve(Region::records, items_ * record_floats(head_dim_) * sizeof(float));
    ok = ok && device_.reserve(Region::slots, 2 * device_.workers(Kernel::clustered_mix) * max_samples * sizeof(float));
    for (Region r : {Region::samples, Region::pages}) ok = ok && device_.reserve(r, 512);
    for (Region r : {Region::q, Region::k, Region::v, Region::sketch, Region::items, Region::groups, Region::tiling,
                     Region::info, Region::results})
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
    if constexpr (sketched_) pack_sketch();
  }

  void pack_sketch() {
    auto* to = staging_.at<std::int8_t>(Region::sketch);
    float* unit = units();
    const f16* rows = staging_.at<f16>(Region::k);
    for (const Problem<f16>& p : problems_)
      for (Index i = 0; i < p.kv_heads(); ++i) {
        const Index n = p.keys() * p.head_dim();
        *unit++ = sketch_rows({rows, static_cast<std::size_t>(n)}, to);
        rows += n, to += n;
      }
  }

  bool upload(Region r) {
    const std::size_t bytes = staging_.bytes(r);
    return bytes == 0 || device_.upload(r, staging_.raw(r), bytes);
  }
  bool upload_inputs() { return upload(Region::q) && upload(Region::k) && upload(Region::v) && upload(Region::sketch); }

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
  /// Nonzero: exact must do this bundle again.
  std::byte& mark(Index bundle) const { return staging_.host(marks_)[bundle]; }
  /// What an int8 unit of each KV head's sketch is worth.
  float* units() const { return reinterpret_cast<float*>(staging_.host(units_)); }
  bool wanted(Index bundle) const { return !again_ || mark(bundle) != std::byte{0}; }

  /// Where a problem's cache begins: rows and KV heads before it.
  struct Base {
    Index problem = 0, row = 0, plane = 0;
  };

  void fill_items() {
    Index item = 0, group = 0, bundle = 0;
    Base base;
    for_each_bundle(problems_, [&](const Bundle& b) {
      for (; base.problem < b.problem; ++base.problem) {
        base.row += problems_[base.problem].kv_heads() * problems_[base.problem].keys();
        base.plane += problems_[base.problem].kv_heads();
      }
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

  Item common_item(const Bundle& b, const Base& base, std::span<const KeyRange> seen) const {
    const Problem<f16>& p = problems_[b.problem];
    const std::uint64_t rows = static_cast<std::uint64_t>((base.row + b.kv_head * p.keys()) * head_dim_);
    Item item{};
    item.k = item.v = item.sketch = rows;
    item.row = static_cast<std::uint32_t>(b.row);
    item.heads = static_cast<std::uint32_t>(b.heads);
    item.scale = p.scale != 0 ? p.scale : 1 / std::sqrt(static_cast<float>(p.head_dim()));
    if constexpr (sketched_) item.sketch_scale = units()[base.plane + b.kv_head];
    if constexpr (!exact_) {
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
    if constexpr (sketched_) t.margin = recipe_.margin, t.headroom = recipe_.headroom, t.drop = recipe_.drop;
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
      c.used += info[info_used];
      c.loaded += info[info_loaded];
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
    tally_.bytes_read +=
        static_cast<std::uint64_t>(head_dim_) *
        (2 * c.loaded * sizeof(f16) + c.sampled * (sketched_ && !again_ ? sizeof(std::int8_t) : sizeof(f16)));
  }

  const float* shares(const Bundle& b, const float* result) const {
    return result + b.heads * head_dim_ + padded_heads(static_cast<std::uint32_t>(b.heads));
  }

  bool vouched(const Bundle& b, const float* result) const {
    if constexpr (!exact_)
      for (Index h = 0; h < b.heads && recipe_.options.target_error > 0; ++h)
        if (!(shares(b, result)[h] <= recipe_.options.target_error)) return false;
    return true;
  }

  void write(const Bundle& b, const float* result) {
    const float* lse = result + b.heads * head_dim_;
    for (Index h = 0; h < b.heads; ++h) {
      const float share = shares(b, result)[h];
      const float error = exact_ || again_ ? 0.0f : share <= 1 ? share : std::numeric_limits<float>::infinity();
      tally_.add_error(error);
      write_row(b, h, result + h * head_dim_, lse[h], error);
    }
  }

  void write_empty(const Bundle& b) {
    tally_.rows += b.heads;
    for (Index h = 0; h < b.heads; ++h) write_row(b, h, nullptr, -std::numeric_limits<float>::infinity(), 0);
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
  std::size_t marks_ = 0, units_ = 0;
  Grid grid_;
  Tally tally_;
  Index head_dim_ = 64, rows_ = 0, cache_rows_ = 0, planes_ = 0, bundles_ = 0, items_ = 0, most_parts_ = 0;
  bool again_ = false;  // the pass that does marked bundles exactly
};

}  // namespace CREST_ABI
}  // namespace ascend
}  // namespace crest
