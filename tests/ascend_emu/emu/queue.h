// TPipe, TQue, TBuf: buffers, their states, and the order that EnQue / DeQue and FreeTensor / AllocTensor bring.
#pragma once

#include <deque>

#include "emu/flags.h"

namespace AscendC {

/// Queue of buffers at one position. VECIN: MTE2 fills, V reads. VECOUT: V fills, MTE3 reads.
template <TPosition position, int depth>
class TQue {
  static_assert(position == TPosition::VECIN || position == TPosition::VECOUT);
  static constexpr pipe_t producer = position == TPosition::VECIN ? PIPE_MTE2 : PIPE_V;
  static constexpr pipe_t consumer = position == TPosition::VECIN ? PIPE_V : PIPE_MTE3;
  using Check = ascend_emu::Check;
  using State = ascend_emu::BufferState;

 public:
  template <class T>
  LocalTensor<T> AllocTensor() {
    for (size_t tried = 0; tried < buffers_.size(); ++tried) {
      auto& b = *buffers_[next_++ % buffers_.size()];
      if (b.state != State::free) continue;
      b.state = State::allocated;
      ascend_emu::Core::current().wait(producer, b.ready);
      return LocalTensor<T>(&b, b.extent.begin, b.extent.size);
    }
    throw ascend_emu::Violation(Check::queue_starved, "AllocTensor with no buffer free");
  }

  template <class T>
  void EnQue(const LocalTensor<T>& t) {
    auto& b = owned(t, State::allocated);
    ascend_emu::require(queued_.size() < size_t(depth), Check::queue_depth, "EnQue beyond the queue's depth");
    b.state = State::queued;
    b.ready = ascend_emu::Core::current().snapshot(producer);
    queued_.push_back(&b);
  }

  template <class T>
  LocalTensor<T> DeQue() {
    ascend_emu::require(!queued_.empty(), Check::queue_state, "DeQue of an empty queue");
    auto& b = *queued_.front();
    queued_.pop_front();
    b.state = State::dequeued;
    ascend_emu::Core::current().wait(consumer, b.ready);
    return LocalTensor<T>(&b, b.extent.begin, b.extent.size);
  }

  template <class T>
  void FreeTensor(const LocalTensor<T>& t) {
    auto& core = ascend_emu::Core::current();
    auto& b = *t.buffer();
    t.extent(0, 0, 1);
    ascend_emu::require(b.state != State::free && b.state != State::queued, Check::queue_state,
                        "FreeTensor of a queued tensor");
    b.ready = core.snapshot(b.state == State::dequeued ? consumer : producer);
    b.state = State::free;
    ++b.use;
    core.ub().forget(b.extent);
  }

  void add(ascend_emu::Buffer* buffer) { buffers_.push_back(buffer); }

 private:
  template <class T>
  ascend_emu::Buffer& owned(const LocalTensor<T>& t, State expected) {
    t.extent(0, 0, 1);
    ascend_emu::require(t.buffer()->state == expected, Check::queue_state, "EnQue of a tensor that was not allocated");
    return *t.buffer();
  }

  std::vector<ascend_emu::Buffer*> buffers_;
  std::deque<ascend_emu::Buffer*> queued_;
  size_t next_ = 0;  // buffers take turns
};

/// One buffer without a queue: the kernel orders its users itself.
template <TPosition position>
class TBuf {
 public:
  template <class T>
  LocalTensor<T> Get() {
    return LocalTensor<T>(buffer_, buffer_->extent.begin, buffer_->extent.size);
  }
  void add(ascend_emu::Buffer* buffer) { buffer_ = buffer; }

 private:
  ascend_emu::Buffer* buffer_ = nullptr;
};

/// Hands out the UB.
class TPipe {
  using Check = ascend_emu::Check;

 public:
  TPipe() { instance() = this; }
  ~TPipe() { instance() = nullptr; }

  template <TPosition position, int depth>
  void InitBuffer(TQue<position, depth>& queue, uint8_t count, uint32_t bytes) {
    uint32_t& events = events_[position == TPosition::VECIN ? 0 : 1];
    events += count;
    ascend_emu::require(events <= 8, Check::queue_events, "more than 8 queue buffers at one position");
    for (int i = 0; i < count; ++i) queue.add(take(bytes));
  }

  template <TPosition position>
  void InitBuffer(TBuf<position>& buffer, uint32_t bytes) {
    buffer.add(take(bytes));
  }

  event_t FetchEventID(HardEvent event) {
    auto& core = ascend_emu::Core::current();
    for (int id = 0; id < 6; ++id)
      if (!core.flag(int(event), id)) return event_t(id);
    throw ascend_emu::Violation(Check::event_hang, "no event id left");
  }

  uint32_t used() const { return next_; }
  static TPipe*& instance() {
    static thread_local TPipe* pipe = nullptr;
    return pipe;
  }

 private:
  ascend_emu::Buffer* take(uint32_t bytes) {
    const uint32_t rounded = (bytes + 31) / 32 * 32, begin = next_;
    next_ += rounded;
    ascend_emu::require(next_ <= ascend_emu::ub_user_bytes, Check::ub_capacity, "InitBuffer past the usable UB");
    ascend_emu::require(++buffers_ <= 64, Check::ub_capacity, "more than 64 buffers");
    auto& core = ascend_emu::Core::current();
    core.trace.ub_bytes = std::max(core.trace.ub_bytes, next_);
    core.buffers.push_back({{begin, rounded}});
    return &core.buffers.back();
  }

  uint32_t next_ = 0, buffers_ = 0, events_[2]{};
};

inline TPipe* GetTPipePtr() { return TPipe::instance(); }

}  // namespace AscendC
