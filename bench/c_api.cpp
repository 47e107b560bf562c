// The bench as a C library, so that peers in other languages get the same bytes, the same limit, the same reference and
// crest itself by turns in their own process. bench/peers/crest_bench.py is its other half.

#include <algorithm>
#include <array>
#include <crest/attention.hpp>
#include <crest/executors.hpp>
#include <crest/probe.hpp>
#include <memory>

#include "inputs.hpp"
#include "limits.hpp"
#include "reference.hpp"
#include "team.hpp"

namespace {

using namespace bench;

/// One case, whatever its storage type.
class AnyCase {
 public:
  virtual ~AnyCase() = default;
  virtual const float* q() const = 0;
  virtual void* k() const = 0;
  virtual void* v() const = 0;
  virtual double exact_seconds() = 0;
  virtual double mixed_seconds() = 0;  ///< of bf16; below 0 of others, and without tile registers
  virtual double limit_seconds() = 0;
  virtual double error(const float* o) const = 0;  ///< of the last exact answer when o is null
};

template <class T>
class TypedCase final : public AnyCase {
 public:
  explicit TypedCase(const Case& c)
      : inputs_(c.shape),
        out_(inputs_.q.size()),
        problem_(inputs_.problem(inputs_.q, out_)),
        answer_(reference(problem_)),
        limit_(inputs_.k.bytes(), inputs_.v.bytes(), c.threads),
        pool_(c.threads) {
    const Pinned pinned(0);  // the caller's own threads stay as free as they were
    pin_threads(pool_);
  }

  const float* q() const override { return inputs_.q.data(); }
  void* k() const override { return inputs_.k.bytes().data(); }
  void* v() const override { return inputs_.v.bytes().data(); }

  double exact_seconds() override { return seconds(problem_, crest::exact, crest::Backend::best()); }
  double mixed_seconds() override {
    if constexpr (std::is_same_v<T, bf16>) return rows_in_bf16_seconds();
    return -1;
  }
  double limit_seconds() override { return limit_.round(); }
  double error(const float* o) const override {
    return o ? answer_.relative_error(o) : answer_.relative_error(problem_.o);
  }

 private:
  template <class R>
  double seconds(const crest::Problem<T>& problem, const R& recipe, crest::Backend backend) {
    const Pinned pinned(0);
    const double begin = now();
    const bool ok = crest::attention(problem, recipe, pool_, backend).ok();
    return ok ? now() - begin : -1;
  }
  /// Queries and outputs in bf16, as peers that multiply bf16 take and give them: rounding both is part of the error.
  double rows_in_bf16_seconds() {
    crest::Problem<T> problem = problem_;
    const auto shape = [](const auto& view) { return std::array{view.extent(0), view.extent(1), view.extent(2)}; };
    problem.q = crest::TensorView<const bf16, 3>{q_bf16_.data(), shape(problem.q)};
    problem.o = crest::TensorView<bf16, 3>{o_bf16_.data(), shape(problem.o)};
    const double time = seconds(problem, crest::mixed, crest::Backend::named("amx"));
    if (time >= 0)
      std::transform(o_bf16_.begin(), o_bf16_.end(), out_.begin(), [](bf16 x) { return crest::to_float(x); });
    return time;
  }
  static std::vector<bf16> in_bf16(const std::vector<float>& from) {
    std::vector<bf16> to(from.size());
    std::transform(from.begin(), from.end(), to.begin(), [](float x) { return crest::to_bf16(x); });
    return to;
  }

  Inputs<T> inputs_;
  std::vector<float> out_;
  std::vector<bf16> q_bf16_ = in_bf16(inputs_.q), o_bf16_ = std::vector<bf16>(out_.size());
  crest::Problem<T> problem_;
  Reference answer_;
  ReadLimit limit_;
  crest::Pool pool_;
};

AnyCase* open_case(const Case& c) {
  return with_cache_type(c.dtype, [&](auto element) -> AnyCase* { return new TypedCase<decltype(element)>(c); });
}

}  // namespace

extern "C" {

AnyCase* crest_bench_open(Index heads, Index kv_heads, Index head_dim, Index keys, Index queries, const char* dtype,
                          int threads) {
  [[maybe_unused]] static const crest::Backend tried = crest::probe();  // tile registers are used where they were tried
  return open_case({{heads, kv_heads, head_dim, keys, queries}, dtype_named(dtype), threads});
}
void crest_bench_close(AnyCase* c) { delete c; }
const float* crest_bench_q(const AnyCase* c) { return c->q(); }
void* crest_bench_k(const AnyCase* c) { return c->k(); }
void* crest_bench_v(const AnyCase* c) { return c->v(); }
double crest_bench_exact_seconds(AnyCase* c) { return c->exact_seconds(); }
double crest_bench_mixed_seconds(AnyCase* c) { return c->mixed_seconds(); }
double crest_bench_limit_seconds(AnyCase* c) { return c->limit_seconds(); }
double crest_bench_error(const AnyCase* c, const float* o) { return c->error(o); }
const char* crest_bench_backend() { return crest::Backend::best().name(); }

}  // extern "C"
