// The UB plan: every buffer of a decode kernel, in bytes, in one place.
#pragma once

#include "crest/ascend/device.h"

namespace crest {
namespace ascend {

constexpr uint32_t sketch_rows = 64;  // of a tile of int8 keys

/// Bytes for head_dim 128 and 64. The queues hold two tiles each, so that MTE2 fills the next while V works. The
/// sketched kernel has a third queue, and pays for it with single queries and records.
template <int D>
struct Plan {
  static constexpr uint32_t tile = Shape<D>::rows * D * 2;            // 16384  16384, x 4: K, V, two of each
  static constexpr uint32_t q = max_heads * D * 4;                    //  8192   4096, x 2, sketched x 1
  static constexpr uint32_t record = record_floats(D) * 4;            //  8448   4352, x 2, sketched x 1
  static constexpr uint32_t wide = Shape<D>::rows * D * 4;            // 32768  32768
  static constexpr uint32_t product = Shape<D>::rows * lanes * 4;     // 16384  32768
  static constexpr uint32_t scores = max_heads * Shape<D>::rows * 4;  //  4096   8192
  static constexpr uint32_t lane_state = max_heads * lanes * 4;       //  4096   4096, x 2: sums, highs
  static constexpr uint32_t weights = Shape<D>::rows * 32;            //  2048   4096
  static constexpr uint32_t head_blocks = max_heads * 32;             //   512    512, x 2: reference, folded
  static constexpr uint32_t info = info_words * 4;                    //    32     32
  static constexpr uint32_t samples = max_samples * 4;                // 12288  12288, clustered and sketched
  static constexpr uint32_t pairs = max_samples / lanes * 8;          //   384    384
  static constexpr uint32_t bits = max_samples / 8 + max_heads * 32;  //   896    896
  static constexpr uint32_t kept = max_samples / 8;                   //   384    384
  static constexpr uint32_t sketch_tile = sketch_rows * D;            //  8192   4096, x 2, sketched
  static constexpr uint32_t sketch_q = max_heads * 256;               //  4096   4096, sketched

  static constexpr uint32_t shared =
      4 * tile + wide + product + scores + 2 * lane_state + weights + 2 * head_blocks + info;
  static constexpr uint32_t exact = shared + 2 * (q + record);
  static constexpr uint32_t clustered = exact + samples + pairs + bits + kept;
  static constexpr uint32_t sketched = shared + q + record + samples + pairs + bits + kept + 2 * sketch_tile + sketch_q;
  static constexpr uint32_t usable = 184 * 1024 - 256;  // on 910B, beside the reserved 8 KiB; 310P has more
  static_assert(clustered <= usable && sketched <= usable, "the UB plan does not fit");
};

template <int D>
struct Buffers {
  using Calc = AscendC::TBuf<AscendC::TPosition::VECCALC>;

  AscendC::TQue<AscendC::TPosition::VECIN, 2> k, v, sketch;  // depth 2: a tile is queued while the one before waits
  AscendC::TQue<AscendC::TPosition::VECIN, 1> q;
  AscendC::TQue<AscendC::TPosition::VECOUT, 1> record;
  AscendC::LocalTensor<float> wide;       // [rows][D]: a tile of K or V in f32
  AscendC::LocalTensor<float> product;    // [rows][64] for scores, [rows / 4][D] for outputs
  AscendC::LocalTensor<float> scores;     // [heads][rows]
  AscendC::LocalTensor<float> sums;       // [heads][64]: lane-wise sum of weights
  AscendC::LocalTensor<float> highs;      // [heads][64]: lane-wise highest score
  AscendC::LocalTensor<float> weights;    // [rows][8]: each weight as a block
  AscendC::LocalTensor<float> reference;  // [heads][8]: each head's reference as a block
  AscendC::LocalTensor<float> folded;     // [heads][8]: maxima on their way from lanes to one value
  AscendC::LocalTensor<float> samples;    // [heads][pitch]: scores of the sampled keys
  AscendC::LocalTensor<float> pairs;      // highest sample of each 64 and its index
  AscendC::LocalTensor<uint8_t> bits;     // cells whose sample is high enough, per head
  AscendC::LocalTensor<uint64_t> kept;    // cells that are used
  AscendC::LocalTensor<half> sketch_q;    // [heads][128]: queries for the int8 keys, repeated where head_dim is 64
  AscendC::LocalTensor<uint32_t> info;

  /// `copies` of queries and records: 2 lets an item begin while the one before ends.
  __aicore__ inline void init(AscendC::TPipe* pipe, uint8_t copies) {
    using P = Plan<D>;
    pipe->InitBuffer(k, 2, P::tile);
    pipe->InitBuffer(v, 2, P::tile);
    pipe->InitBuffer(q, copies, P::q);
    pipe->InitBuffer(record, copies, P::record);
    wide = take<float>(pipe, wide_, P::wide);
    product = take<float>(pipe, product_, P::product);
    scores = take<float>(pipe, scores_, P::scores);
    sums = take<float>(pipe, sums_, P::lane_state);
    highs = take<float>(pipe, highs_, P::lane_state);
    weights = take<float>(pipe, weights_, P::weights);
    reference = take<float>(pipe, reference_, P::head_blocks);
    folded = take<float>(pipe, folded_, P::head_blocks);
    info = take<uint32_t>(pipe, info_, P::info);
  }

  /// What clustered kernels need besides.
  __aicore__ inline void init_samples(AscendC::TPipe* pipe) {
    using P = Plan<D>;
    samples = take<float>(pipe, samples_, P::samples);
    pairs = take<float>(pipe, pairs_, P::pairs);
    bits = take<uint8_t>(pipe, bits_, P::bits);
    kept = take<uint64_t>(pipe, kept_, P::kept);
  }

  /// What sketched kernels need besides that.
  __aicore__ inline void init_sketch(AscendC::TPipe* pipe) {
    pipe->InitBuffer(sketch, 2, Plan<D>::sketch_tile);
    sketch_q = take<half>(pipe, sketch_q_, Plan<D>::sketch_q);
  }

 private:
  template <class T>
  __aicore__ inline AscendC::LocalTensor<T> take(AscendC::TPipe* pipe, Calc& buffer, uint32_t bytes) {
    pipe->InitBuffer(buffer, bytes);
    return buffer.template Get<T>();
  }

  Calc wide_, product_, scores_, sums_, highs_, weights_, reference_, folded_, samples_, pairs_, bits_, kept_,
      sketch_q_, info_;
};

}  // namespace ascend
}  // namespace crest
