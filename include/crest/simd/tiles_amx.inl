// Tile registers of the CPU (AMX). The instructions are written out because the region is compiled for CPUs without
// them: only a task that was told to use them may.

class AmxTiles {
 public:
  static constexpr int rows = TileModel::rows, row_bytes = TileModel::row_bytes;

  AmxTiles() = default;
  ~AmxTiles() { asm volatile("tilerelease"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  /// Whoever ran since the last product, a user's variant perhaps, may have used tiles too.
  void begin() {
    alignas(64) static constexpr auto all_whole = [] {
      std::array<std::uint8_t, 64> config{};
      config[0] = 1;  // palette
      for (std::size_t r = 0; r < 8; ++r) config[16 + 2 * r] = row_bytes, config[48 + r] = rows;
      return config;
    }();
    asm volatile("ldtilecfg %0" ::"m"(all_whole));
  }

  template <int R>
  void clear() {
    asm volatile("tilezero %%tmm%c0" ::"i"(R));
  }
  template <int R>
  void load(const void* p, Index stride) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(R), "r"(p), "r"(stride) : "memory");
  }
  template <int R>
  void store(void* p, Index stride) const {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(R), "r"(p), "r"(stride) : "memory");
  }
  template <int C, int A, int B>
  void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }

  /// As TileModel, by instructions where the region has them.
  template <class V>
  CREST_INLINE static void keep_two(bf16* packed, V a, V b, V& sum) {
    if constexpr (requires { store_and_sum(packed, a, b, sum); })
      store_and_sum(packed, a, b, sum);
    else
      TileModel::keep_two(packed, a, b, sum);
  }
};
