#include "followers.hpp"

#include <algorithm>

#include "clock.hpp"

namespace plugin {
namespace {

using crest::KeyRange;
using crest::Status;

template <class T>
crest::TensorView<const T, 3> slice(const crest::TensorView<const T, 3>& all, KeyRange keys) {
  return {all.address(0, keys.first, 0),
          {all.extent(0), length(keys), all.extent(2)},
          {all.stride(0), all.stride(1), all.stride(2)}};
}

template <class T>
RowBytes row_bytes(const crest::TensorView<const T, 3>& view) {
  return {reinterpret_cast<const std::byte*>(view.data_handle()), view.stride(1) * static_cast<Index>(sizeof(T))};
}

/// All heads of a key lie between it and the next.
template <class T>
bool keys_outermost(const crest::TensorView<const T, 3>& view) {
  return view.stride(0) * view.extent(0) <= view.stride(1);
}

template <class T>
Status append(crest::KeySketch& sketch, const CacheViews<T>& rows) {
  return rows.with_rows ? sketch.append(rows.k, rows.v) : sketch.append(rows.k);
}

template <class T>
Status overwrite(crest::KeySketch& sketch, Index first, const CacheViews<T>& rows) {
  return rows.with_rows ? sketch.overwrite(first, rows.k, rows.v) : sketch.overwrite(first, rows.k);
}

}  // namespace

KeyRange RowBytes::touched(Bytes bytes, Index count) const {
  if (pitch == 0 || bytes.last <= first || bytes.first >= first + count * pitch) return {};
  const Index from = std::max<Index>(bytes.first - first, 0) / pitch, to = bytes.last - first;
  return {from, std::min((to + pitch - 1) / pitch, count)};
}

template <class T>
CacheViews<T> CacheViews<T>::keys(KeyRange range) const {
  return {slice(k, range), slice(v, range), with_rows};
}

void Follower::written(Bytes bytes) {
  mark(k_.touched(bytes, sketch_.size()));
  if (sketch_.has_rows()) mark(v_.touched(bytes, sketch_.size()));
}

void Follower::mark(KeyRange rows) {
  if (length(rows) == 0 || worn()) return;
  if (!stale_.empty() && stale_.back() == rows) return;  // V of the key whose K was told before
  stale_.push_back(rows);
  stale_rows_ += length(rows);
}

void Follower::forget_rows() {
  sketch_.clear();
  stale_.clear();
  stale_rows_ = 0;
}

template <class T>
Status Follower::read_again(const CacheViews<T>& cache) {
  Status status = Status::ok;
  for (KeyRange rows : stale_) {
    const KeyRange kept = intersect(rows, {0, sketch_.size()});
    if (status == Status::ok && length(kept) > 0) status = overwrite(sketch_, kept.first, cache.keys(kept));
  }
  stale_.clear();
  stale_rows_ = 0;
  return status;
}

template <class T>
const crest::KeySketch* Follower::follow(const CacheViews<T>& cache, Index end, FollowerCosts& costs) {
  const RowBytes k = row_bytes(cache.k), v = row_bytes(cache.v);
  if (k != k_ || v != v_) forget_rows();
  k_ = k, v_ = v;
  Status status = sketch_.truncate(std::min(sketch_.size(), cache.k.extent(1)));
  if (worn()) {
    forget_rows();
    ++costs.rebuilt;
  }
  costs.reread += stale_rows_;
  if (status == Status::ok) status = read_again(cache);
  const KeyRange fresh{sketch_.size(), std::max(end, sketch_.size())};
  costs.appended += length(fresh);
  if (status == Status::ok) status = append(sketch_, cache.keys(fresh));
  if (status != Status::ok) forget_rows();
  return status == Status::ok ? &sketch_ : nullptr;
}

Followers& Followers::all() {
  static Followers followers;
  return followers;
}

void Followers::written(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  for (auto& [keys, follower] : by_keys_) follower.written(bytes);
}

void Followers::forget(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  std::erase_if(by_keys_, [&](const auto& entry) { return entry.second.lies_in(bytes); });
}

void Followers::reset(const crest::SketchOptions& options) {
  const std::lock_guard lock(mutex_);
  by_keys_.clear();
  options_ = options;
  costs_ = {};
}

template <class T>
const crest::KeySketch* Followers::follow(const CacheViews<T>& cache, Index end) {
  if (!keys_outermost(cache.k) || !keys_outermost(cache.v)) return nullptr;
  const Index kv_heads = cache.k.extent(0), head_dim = cache.k.extent(2) * crest::elements_in<T>;
  const std::lock_guard lock(mutex_);
  Follower& follower = by_keys_.try_emplace(cache.k.data_handle(), kv_heads, head_dim, options_).first->second;
  if (!follower.fits(kv_heads, head_dim)) follower = Follower(kv_heads, head_dim, options_);
  const double begin = seconds_now();
  const crest::KeySketch* sketch = follower.follow(cache, end, costs_);
  costs_.seconds += seconds_now() - begin;
  return sketch;
}

FollowerCosts Followers::costs() const {
  const std::lock_guard lock(mutex_);
  FollowerCosts costs = costs_;
  for (const auto& [keys, follower] : by_keys_) costs.bytes += follower.bytes();
  return costs;
}

template const crest::KeySketch* Followers::follow(const CacheViews<float>&, Index);
template const crest::KeySketch* Followers::follow(const CacheViews<crest::f16>&, Index);
template const crest::KeySketch* Followers::follow(const CacheViews<crest::bf16>&, Index);
template const crest::KeySketch* Followers::follow(const CacheViews<crest::q8_0>&, Index);
template const crest::KeySketch* Followers::follow(const CacheViews<crest::q4_0>&, Index);

}  // namespace plugin
