// What changed logits cost over plain exact, and queries and outputs of 16 bits, and masks of bits.
#define CREST_USER_KERNELS "user_variant.inl"
#include "support/user_variant.hpp"
//
#include <cmath>
#include <crest/core/range_list.hpp>

#include "features.hpp"
#include "inputs.hpp"
#include "noise.hpp"

namespace bench {

namespace {

class LogitBench {
 public:
  explicit LogitBench(const Case& c) : shape_(c.shape), set_{"logits", c, &limit_} {
    for (Index h = 0; h < shape_.heads; ++h) {
      const float at = static_cast<float>(h + 1) / static_cast<float>(shape_.heads);
      slopes_.push_back(std::exp2(-8 * at));
      sinks_.push_back(at);
    }
    for (Index i = 0; i < shape_.heads * shape_.keys; ++i) {
      bias_.push_back(normal(Stream::values, static_cast<std::uint64_t>(i)));
      half_bias_.push_back(crest::to_f16(bias_.back()));
    }
    for (float x : inputs_.q) half_q_.push_back(crest::to_f16(x));
  }

  std::vector<FeatureRow> run(const Effort& effort) {
    set_.add("plain", plain_);
    add("softcap", {.softcap = 50});
    add("ALiBi slopes", {.slopes = slopes_});
    add("sink logits", {.sinks = sinks_});
    add("bias, f16", {.bias = of_keys(half_bias_.data())});
    add("bias, f32", {.bias = of_keys(bias_.data())});
    add("variant, plain code", plain_, crest::Variant{crest::exact, test::Squeeze{}});
    add("variant, kernel text", plain_, crest::Variant{crest::exact, test::KernelSqueeze{}});
    add("q and o of f16", half_rows());
    add_bit_mask();
    return measure(set_, effort);
  }

 private:
  using Problem = crest::Problem<f16>;
  static constexpr Goal goal{Goal::Of::ratio, 1.10};

  template <class R = crest::Exact>
  void add(const std::string& what, const Problem& p, const R& recipe = crest::exact) {
    set_.add(what, p, recipe).goals = {goal};
  }
  void add(const std::string& what, const crest::LogitOptions& options) {
    Problem p = plain_;
    p.logits = options;
    add(what, p);
  }

  template <class T>
  crest::TensorView<const T, 3> of_keys(const T* bias) const {
    return {bias, {shape_.heads, 1, shape_.keys}};
  }

  Problem half_rows() {
    const std::array<Index, 3> row{shape_.heads, 1, shape_.head_dim};
    Problem p = plain_;
    p.q = crest::TensorView<const f16, 3>(half_q_.data(), row);
    p.o = crest::TensorView<f16, 3>(half_o_.data(), row);
    return p;
  }

  /// One key of 64 is hidden. The bits become ranges in every call.
  void add_bit_mask() {
    set_.add("ranges of a bit mask",
             [this](crest::Backend backend) {
               ranges_.clear();
               ranges_.add_bits(bits_.data(), 0, shape_.keys);
               Problem p = plain_;
               ranges_.show(p);
               return crest::attention(p, crest::exact, crest::this_thread_serial(), backend);
             })
        .goals = {goal};
  }

  Shape shape_;
  Inputs<f16> inputs_{shape_};
  std::vector<float> out_ = std::vector<float>(static_cast<std::size_t>(shape_.heads * shape_.head_dim));
  std::vector<f16> half_q_, half_o_ = std::vector<f16>(out_.size());
  std::vector<float> slopes_, sinks_, bias_;
  std::vector<f16> half_bias_;
  std::vector<std::uint64_t> bits_ =
      std::vector<std::uint64_t>(static_cast<std::size_t>(shape_.keys / 64), ~(std::uint64_t{1} << 17));
  crest::RangeList ranges_;
  Problem plain_ = inputs_.problem(inputs_.q, out_);
  ReadLimit limit_{inputs_.k.bytes(), inputs_.v.bytes(), 1};
  FeatureSet set_;
};

}  // namespace

std::vector<FeatureRow> measure_logits(const Case& c, const Effort& effort) { return LogitBench(c).run(effort); }

}  // namespace bench
