// One vector core: its pipes with their clocks, its UB, its event flags and what it did.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "emu/gm.h"
#include "emu/scheduler.h"
#include "emu/ub.h"

namespace ascend_emu {

/// What one pipe did. Counts, not cycles.
struct PipeCounts {
  uint64_t instructions = 0, repeats = 0, barriers = 0;
  uint64_t bytes = 0, pieces = 0, small_pieces = 0, unaligned_pieces = 0;  // DMA; small: below 512 bytes

  void add(const PipeCounts& o) {
    instructions += o.instructions, repeats += o.repeats, barriers += o.barriers;
    bytes += o.bytes, pieces += o.pieces, small_pieces += o.small_pieces, unaligned_pieces += o.unaligned_pieces;
  }
};

/// Model time [begin, end) in which a pipe was busy.
struct Span {
  uint64_t begin, end;
};

/// What a core leaves behind after a launch.
struct CoreTrace {
  int core = 0;
  std::array<PipeCounts, kPipes> pipe{};
  std::array<std::vector<Span>, kPipes> spans{};
  uint64_t ticks = 0, cross_core_barriers = 0;
  uint32_t ub_bytes = 0;  // handed out by InitBuffer
};

/// Where a core stands in its launch.
struct Place {
  int core, block, sub, blocks;
  uint32_t launch;
  bool cube, paired;
};

/// Flags between the two vector cores of an AI core.
struct PairFlags {
  static constexpr int ids = 11;
  std::array<std::vector<Clock>, ids> set[2];
  std::array<size_t, ids> waited[2]{};
};

class Core {
 public:
  Core(const Place& place, Scheduler& scheduler, PairFlags& flags) : place(place), scheduler_(scheduler), pair_(flags) {
    trace.core = place.core;
  }

  static Core& current() {
    Core* core = instance();
    require(core != nullptr, Check::cross_core_mode, "device code runs outside ICPU_RUN_KF");
    return *core;
  }
  static Core*& instance() {
    static thread_local Core* core = nullptr;
    return core;
  }

  UnifiedBuffer& ub() {
    require(!place.cube, Check::arch_api, "vector instruction on a cube core");
    if (!ub_) ub_ = std::make_unique<UnifiedBuffer>();
    return *ub_;
  }

  /// Puts one instruction of `ticks` model time on a pipe.
  Access issue(pipe_t pipe, uint64_t ticks) {
    Pipe& p = pipes_[pipe];
    Clock scalar = pipes_[PIPE_S].known;
    scalar.seen[PIPE_S] = 0;  // what the scalar unit waited for precedes; its own loads and stores need an event
    p.known.join(scalar);
    const uint64_t begin = std::max(p.busy_until, p.known.tick);
    p.busy_until = begin + ticks;
    record(pipe, {begin, p.busy_until});
    ++trace.pipe[pipe].instructions;
    ++p.issued;
    if (pipe == PIPE_S) p.known.seen[PIPE_S] = p.issued, p.known.tick = p.busy_until;
    return {pipe, p.issued, &p.known, false};
  }

  GmAccess gm_access(const Access& a) const {
    const int partner = place.paired ? (place.core ^ 1) : -1;
    return {{place.launch, a.time, uint16_t(place.core), uint8_t(a.pipe), false}, a.known, partner};
  }

  /// All that `pipe` will have done when it has finished what it was given so far.
  Clock snapshot(pipe_t pipe) const {
    const Pipe& p = pipes_[pipe];
    Clock c = p.known;
    c.seen[pipe] = p.issued;
    c.tick = std::max(c.tick, p.busy_until);
    return c;
  }

  void wait(pipe_t pipe, const Clock& c) { pipes_[pipe].known.join(c); }

  void barrier(pipe_t pipe) {
    if (pipe == PIPE_ALL) {
      Clock all;
      for (int p = 0; p < kPipes; ++p) all.join(snapshot(pipe_t(p)));
      for (int p = 0; p < kPipes; ++p) wait(pipe_t(p), all);
    } else {
      require(pipe != PIPE_S, Check::arch_api, "PipeBarrier does not accept PIPE_S");
      pipes_[pipe].known.seen[pipe] = pipes_[pipe].issued;
    }
    ++trace.pipe[pipe == PIPE_ALL ? PIPE_S : pipe].barriers;
  }

  std::optional<Clock>& flag(int event, int id) { return flags_[event][id]; }
  void set_cross(int id, pipe_t pipe);
  void wait_cross(int id);

  /// What must hold when the kernel has returned.
  void finish() {
    for (const auto& event : flags_)
      for (const auto& flag : event) require(!flag, Check::unreleased, "a flag was set and never waited for");
    for (const Buffer& b : buffers)
      require(b.state == BufferState::free, Check::unreleased, "a queue buffer was not freed");
    for (int id = 0; id < PairFlags::ids && place.paired; ++id)
      require(pair_.set[place.sub][id].size() == pair_.waited[place.sub][id], Check::unreleased,
              "a cross-core flag was set and never waited for");
    for (const Pipe& p : pipes_) trace.ticks = std::max(trace.ticks, p.busy_until);
    ub_.reset();
  }

  Place place;
  CoreTrace trace;
  std::deque<Buffer> buffers;  // all that InitBuffer gave out; tensors and queues point here

 private:
  struct Pipe {
    Clock known;
    uint32_t issued = 0;
    uint64_t busy_until = 0;
  };

  void record(pipe_t pipe, Span s) {
    auto& spans = trace.spans[pipe];
    if (!spans.empty() && spans.back().end == s.begin)
      spans.back().end = s.end;
    else if (s.end > s.begin)
      spans.push_back(s);
  }

  Scheduler& scheduler_;
  PairFlags& pair_;
  std::unique_ptr<UnifiedBuffer> ub_;
  std::array<Pipe, kPipes> pipes_{};
  std::array<std::array<std::optional<Clock>, 8>, 12> flags_{};
};

inline void Core::set_cross(int id, pipe_t pipe) {
  require(place.paired, Check::cross_core_mode, "mode 1 needs a MIX launch with two vector cores per AI core");
  require(id >= 0 && id < PairFlags::ids, Check::cross_core_flag, "flag ids 0..10");
  auto& sets = pair_.set[place.sub][id];
  require(sets.size() - pair_.waited[place.sub][id] < 15, Check::cross_core_flag, "more than 15 sets pending");
  sets.push_back(snapshot(pipe));
}

/// A two-party barrier: passes when both cores have set the flag once more than this core has waited.
inline void Core::wait_cross(int id) {
  require(place.paired, Check::cross_core_mode, "mode 1 needs a MIX launch with two vector cores per AI core");
  require(id >= 0 && id < PairFlags::ids, Check::cross_core_flag, "flag ids 0..10");
  const size_t turn = pair_.waited[place.sub][id]++;
  const auto &mine = pair_.set[place.sub][id], &theirs = pair_.set[1 - place.sub][id];
  scheduler_.wait_until([&] { return mine.size() > turn && theirs.size() > turn; });
  Clock both = mine[turn];
  both.join(theirs[turn].from_partner());
  for (int p = 0; p < kPipes; ++p) wait(pipe_t(p), both);
  ++trace.cross_core_barriers;
}

}  // namespace ascend_emu
