// AMX instructions for CPUs without them: a handler of the signal that they raise there decodes them and does what
// Intel's manual says (SDM volume 2; the architecture's pseudocode of TDPBF16PS). Linux on x86-64.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <limits>

namespace test {

class TileEmulator {
 public:
  TileEmulator() {
    struct sigaction action {};
    action.sa_sigaction = &on_signal;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
    state() = {};
  }
  ~TileEmulator() { sigaction(SIGILL, &before_, nullptr); }
  TileEmulator(const TileEmulator&) = delete;
  TileEmulator& operator=(const TileEmulator&) = delete;

  static long products() { return state().products; }
  static bool configured() { return state().configured; }

 private:
  static constexpr int rows = 16, row_bytes = 64;
  struct State {
    alignas(64) std::uint8_t tiles[8][rows][row_bytes];
    bool configured;  ///< all tiles whole
    long products;
  };
  static State& state() {
    static State s;
    return s;
  }

  /// A VEX-coded instruction of the map 0F38, as far as AMX goes.
  struct Instruction {
    const std::uint8_t* at;
    const greg_t* registers;

    bool vex() const { return at[0] == 0xc4 && (at[1] & 0x1f) == 2 && (at[2] & 0x84) == 0; }
    int prefix() const { return at[2] & 3; }  ///< 0 none, 2 F3, 3 F2
    int third() const { return ~at[2] >> 3 & 15; }
    int opcode() const { return at[3]; }
    int mod() const { return at[4] >> 6; }
    int reg() const { return at[4] >> 3 & 7; }
    int rm() const { return at[4] & 7; }
    bool scaled() const { return mod() != 3 && rm() == 4; }
    int displacement_bytes() const {
      const bool relative = mod() == 0 && (rm() == 5 || (scaled() && (at[5] & 7) == 5));
      return mod() == 1 ? 1 : mod() == 2 || relative ? 4 : 0;
    }
    int length() const { return 5 + scaled() + displacement_bytes(); }

    std::int64_t value(int number) const {
      static constexpr int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                         REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
      return registers[places[number]];
    }
    std::int64_t displacement() const {
      const std::uint8_t* from = at + 5 + scaled();
      std::int32_t wide = static_cast<std::int8_t>(*from);
      if (displacement_bytes() == 4) std::memcpy(&wide, from, sizeof wide);
      return displacement_bytes() > 0 ? wide : 0;
    }
    int high(int bit) const { return at[1] >> bit & 1 ? 0 : 8; }
    /// Of an operand in memory, without the index.
    std::uint8_t* base() const {
      std::int64_t address = displacement();
      if (mod() == 0 && rm() == 5)
        address += reinterpret_cast<std::int64_t>(at) + length();
      else if (!scaled())
        address += value(rm() + high(5));
      else if (!(mod() == 0 && (at[5] & 7) == 5))
        address += value((at[5] & 7) + high(5));
      return reinterpret_cast<std::uint8_t*>(address);
    }
    /// The index, which is the distance of rows.
    std::int64_t stride() const { return value((at[5] >> 3 & 7) + high(6)) << (at[5] >> 6); }
  };

  static float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
  static float narrow(const std::uint8_t* p) {
    std::uint32_t bits = 0;
    std::memcpy(reinterpret_cast<std::uint8_t*>(&bits) + 2, p, 2);
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return flushed(x);
  }
  static void multiply(int c, int a, int b) {
    State& s = state();
    for (int m = 0; m < rows; ++m)
      for (int n = 0; n < 16; ++n) {
        float sums[2] = {};
        for (int k = 0; k < 16; ++k)
          for (int half = 0; half < 2; ++half)
            sums[half] = flushed(std::fma(narrow(s.tiles[a][m] + 4 * k + 2 * half),
                                          narrow(s.tiles[b][k] + 4 * n + 2 * half), sums[half]));
        float old;
        std::memcpy(&old, s.tiles[c][m] + 4 * n, sizeof old);
        const float sum = flushed(flushed(old) + flushed(sums[0] + sums[1]));
        std::memcpy(s.tiles[c][m] + 4 * n, &sum, sizeof sum);
      }
    ++s.products;
  }
  /// Palette 1, eight tiles of 16 rows of 64 bytes, nothing else.
  static bool whole(const std::uint8_t* config) {
    bool good = config[0] == 1 && config[1] == 0;
    for (int i = 2; i < 16; ++i) good &= config[i] == 0;
    for (int r = 0; r < 16; ++r)
      good &= config[16 + 2 * r] == (r < 8 ? row_bytes : 0) && config[17 + 2 * r] == 0 &&
              config[48 + r] == (r < 8 ? rows : 0);
    return good;
  }

  /// Does an instruction; false when it is none of AMX, or comes before the tiles were configured.
  static bool execute(const Instruction& i) {
    State& s = state();
    if (!i.vex()) return false;
    if (i.opcode() == 0x49 && i.prefix() == 0) {
      s.configured = i.mod() != 3 && whole(i.base());
      std::memset(s.tiles, 0, sizeof s.tiles);
      return i.mod() == 3 || s.configured;
    }
    if (!s.configured) return false;
    if (i.opcode() == 0x49 && i.prefix() == 3) {
      std::memset(s.tiles[i.reg()], 0, sizeof s.tiles[0]);
    } else if (i.opcode() == 0x4b && i.prefix() == 3) {
      for (int r = 0; r < rows; ++r) std::memcpy(s.tiles[i.reg()][r], i.base() + r * i.stride(), row_bytes);
    } else if (i.opcode() == 0x4b && i.prefix() == 2) {
      for (int r = 0; r < rows; ++r) std::memcpy(i.base() + r * i.stride(), s.tiles[i.reg()][r], row_bytes);
    } else if (i.opcode() == 0x5c && i.prefix() == 2) {
      multiply(i.reg(), i.rm(), i.third());
    } else {
      return false;
    }
    return true;
  }
  static void on_signal(int, siginfo_t*, void* context) {
    greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    const Instruction i{reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]), registers};
    if (execute(i))
      registers[REG_RIP] += i.length();
    else
      std::signal(SIGILL, SIG_DFL);  // and the instruction faults again
  }

  struct sigaction before_ {};
};

}  // namespace test
