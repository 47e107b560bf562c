#include "buffer_watch.hpp"

#include <map>
#include <mutex>

#include "followers.hpp"

namespace plugin {
namespace {

using Functions = ggml_backend_buffer_i;

/// ggml's own functions of the buffers watched.
class Watched {
 public:
  ~Watched() {
    for (auto& [buffer, own] : own_) buffer->iface = own;
  }

  void add(ggml_backend_buffer_t buffer);
  Functions own(ggml_backend_buffer_t buffer) const {
    const std::lock_guard lock(mutex_);
    return own_.at(buffer);
  }
  void remove(ggml_backend_buffer_t buffer) {
    const std::lock_guard lock(mutex_);
    own_.erase(buffer);
  }

 private:
  mutable std::mutex mutex_;
  std::map<ggml_backend_buffer_t, Functions> own_;
};

Watched watched;  // restores the buffers when the plugin is unloaded

Bytes all_of(ggml_backend_buffer_t buffer) {
  return Bytes::of(ggml_backend_buffer_get_base(buffer), ggml_backend_buffer_get_size(buffer));
}

Bytes part_of(const ggml_tensor* tensor, std::size_t offset, std::size_t size) {
  return Bytes::of(static_cast<const char*>(tensor->data) + offset, size);
}

void set_tensor(ggml_backend_buffer_t buffer, ggml_tensor* tensor, const void* data, size_t offset, size_t size) {
  watched.own(buffer).set_tensor(buffer, tensor, data, offset, size);
  Followers::all().written(part_of(tensor, offset, size));
}

void memset_tensor(ggml_backend_buffer_t buffer, ggml_tensor* tensor, uint8_t value, size_t offset, size_t size) {
  watched.own(buffer).memset_tensor(buffer, tensor, value, offset, size);
  Followers::all().written(part_of(tensor, offset, size));
}

void set_tensor_2d(ggml_backend_buffer_t buffer, ggml_tensor* tensor, const void* data, size_t offset, size_t size,
                   size_t copies, size_t stride, size_t data_stride) {
  watched.own(buffer).set_tensor_2d(buffer, tensor, data, offset, size, copies, stride, data_stride);
  if (copies > 0) Followers::all().written(part_of(tensor, offset, (copies - 1) * stride + size));
}

bool copy_tensor(ggml_backend_buffer_t buffer, const ggml_tensor* from, ggml_tensor* to) {
  const bool copied = watched.own(buffer).cpy_tensor(buffer, from, to);
  Followers::all().written(part_of(to, 0, ggml_nbytes(to)));
  return copied;
}

void clear(ggml_backend_buffer_t buffer, uint8_t value) {
  watched.own(buffer).clear(buffer, value);
  Followers::all().written(all_of(buffer));
}

void free_buffer(ggml_backend_buffer_t buffer) {
  const Functions own = watched.own(buffer);
  Followers::all().forget(all_of(buffer));
  watched.remove(buffer);
  buffer->iface = own;
  if (own.free_buffer) own.free_buffer(buffer);
}

/// Optional functions stay absent.
Functions watching(const Functions& own) {
  Functions f = own;
  f.free_buffer = free_buffer;
  if (own.set_tensor) f.set_tensor = set_tensor;
  if (own.memset_tensor) f.memset_tensor = memset_tensor;
  if (own.set_tensor_2d) f.set_tensor_2d = set_tensor_2d;
  if (own.cpy_tensor) f.cpy_tensor = copy_tensor;
  if (own.clear) f.clear = clear;
  return f;
}

void Watched::add(ggml_backend_buffer_t buffer) {
  const std::lock_guard lock(mutex_);
  const auto [at, added] = own_.try_emplace(buffer, buffer->iface);
  if (added) buffer->iface = watching(at->second);
}

}  // namespace

void watch(ggml_backend_buffer_t buffer) { watched.add(buffer); }

}  // namespace plugin
