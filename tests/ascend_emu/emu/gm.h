// Global memory: blocks that end at a guard page, with a shadow of who touched each 32 bytes last.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "emu/clock.h"
#include "emu/violation.h"

namespace ascend_emu {

/// One touch of GM: launch, core and the instruction's number on its pipe.
struct Touch {
  uint32_t launch = 0, time = 0;
  uint16_t core = 0;
  uint8_t pipe = 0;
  bool many = false;  // reads only: by more than one core in this launch

  friend bool operator==(const Touch& a, const Touch& b) {
    return a.launch == b.launch && a.time == b.time && a.core == b.core && a.pipe == b.pipe;
  }
};

/// Who asks: the touch it is about to make, what its pipe knows, and which core is its partner.
struct GmAccess {
  Touch touch;
  const Clock* known;
  int partner;

  bool knows(const Touch& t) const {
    if (t.launch != touch.launch) return true;  // earlier launches on the stream are complete
    if (t.many) return false;
    if (t == touch) return true;
    if (t.core == touch.core) return t.time <= known->seen[t.pipe];
    return t.core == partner && t.time <= known->seen[kPipes + t.pipe];
  }
};

class GlobalMemory {
 public:
  static GlobalMemory& get() {
    static GlobalMemory memory;
    return memory;
  }

  /// Filled with NaN bits. The data ends at the guard page, so it is only as aligned as its size.
  void* alloc(size_t bytes) {
    const size_t page = size_t(sysconf(_SC_PAGESIZE)), room = (bytes + page - 1) / page * page;
    void* map = mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return nullptr;
    mprotect(static_cast<uint8_t*>(map) + room, page, PROT_NONE);
    uint8_t* data = static_cast<uint8_t*>(map) + room - bytes;
    std::memset(map, 0xff, room);
    blocks_[reinterpret_cast<uintptr_t>(data)] = Block{map, room + page, bytes, std::vector<Shadow>(bytes / 32 + 2)};
    return data;
  }

  void free(void* data) {
    const auto it = blocks_.find(reinterpret_cast<uintptr_t>(data));
    if (it == blocks_.end()) return;
    munmap(it->second.map, it->second.mapped);
    blocks_.erase(it);
  }

  void read(const void* from, size_t bytes, const GmAccess& a) {
    for (Shadow& s : shadows(from, bytes)) {
      const bool own_cache = s.write.core == a.touch.core && a.touch.pipe == PIPE_S && s.write.launch == a.touch.launch;
      require(!s.scalar_dirty || own_cache, Check::stale_scalar,
              "scalar GM write read before the data cache was cleaned");
      conflict(s.write, a, "reads GM that is being written");
      if (s.read.launch == a.touch.launch && s.read.core != a.touch.core) s.read.many |= s.read.core != a.partner;
      const bool many = s.read.launch == a.touch.launch && s.read.many;
      s.read = a.touch;
      s.read.many = many;
    }
  }

  void write(const void* to, size_t bytes, const GmAccess& a, bool scalar = false) {
    for (Shadow& s : shadows(to, bytes)) {
      conflict(s.write, a, "overwrites GM that is being written");
      conflict(s.read, a, "overwrites GM that is being read");
      s.write = a.touch;
      s.scalar_dirty = scalar;
    }
  }

  /// DataCacheCleanAndInvalid: scalar writes reach memory.
  void clean(const void* at) {
    const auto it = find(at);
    if (it == blocks_.end()) return;
    for (Shadow& s : it->second.shadow) s.scalar_dirty = false;
  }

 private:
  struct Shadow {
    Touch write, read;
    bool scalar_dirty = false;
  };
  struct Block {
    void* map;
    size_t mapped, bytes;
    std::vector<Shadow> shadow;
  };
  struct Range {
    Shadow *first, *last;
    Shadow* begin() const { return first; }
    Shadow* end() const { return last; }
  };

  static void conflict(const Touch& t, const GmAccess& a, const char* what) {
    if (a.knows(t)) return;
    throw Violation(t.core == a.touch.core ? Check::hazard : Check::race, what);
  }

  std::map<uintptr_t, Block>::iterator find(const void* at) {
    auto it = blocks_.upper_bound(reinterpret_cast<uintptr_t>(at));
    return it == blocks_.begin() ? blocks_.end() : std::prev(it);
  }

  Range shadows(const void* at, size_t bytes) {
    const auto it = find(at);
    require(it != blocks_.end(), Check::gm_bounds, "address belongs to no GmAlloc block");
    const size_t offset = reinterpret_cast<uintptr_t>(at) - it->first;
    require(offset + bytes <= it->second.bytes, Check::gm_bounds, "transfer leaves its GmAlloc block");
    Shadow* s = it->second.shadow.data();
    return {s + offset / 32, s + (offset + bytes + 31) / 32};
  }

  std::map<uintptr_t, Block> blocks_;
};

}  // namespace ascend_emu
