// Bringing one's own threads and one's own backend.
//
// An inference engine has threads already: an executor of ten lines lends them to crest. A backend for whole problems
// (an accelerator, a remote machine; here a reference in double) is any class with a `run`; it is handed validated
// problems.

#include <atomic>
#include <functional>
#include <thread>

#include "common/toy.hpp"

using crest::Index;

/// Stands for what an engine has: runs job(worker) on all of its workers.
class EngineThreads {
 public:
  explicit EngineThreads(int count) : count_(count) {}
  int count() const { return count_; }
  void run(const std::function<void(int)>& job) {
    std::vector<std::jthread> threads;
    for (int worker = 1; worker < count_; ++worker) threads.emplace_back([&job, worker] { job(worker); });
    job(0);
  }

 private:
  int count_;
};

/// The ten lines.
struct EngineExecutor {
  EngineThreads& engine;
  crest::ScratchBuffer memory{};

  Index size() const { return engine.count(); }
  template <class F>
  void parallel(Index tasks, F&& f) {
    std::atomic<Index> next{0};
    engine.run([&](int worker) {
      for (Index task; (task = next++) < tasks;) f(Index{worker}, task);
    });
  }
  std::span<std::byte> scratch(std::size_t bytes) { return memory.get(bytes); }
};
static_assert(crest::Executor<EngineExecutor>);

/// Full scan in double, for float caches without a mask. The recipe is ignored: everything is exact.
struct Reference {
  template <class T, class R, class E>
  crest::Report run(std::span<const crest::Problem<T>> problems, const R&, E& executor) const {
    crest::Report report;
    for (const crest::Problem<T>& p : problems) {
      executor.parallel(p.heads() * p.queries(),
                        [&](Index, Index row) { solve(p, row / p.queries(), row % p.queries()); });
      report.rows += p.heads() * p.queries();
      report.keys_visible += p.heads() * p.queries() * p.keys();
    }
    report.keys_scored = report.keys_used = report.keys_visible;
    return report;
  }

 private:
  template <class T>
  static void solve(const crest::Problem<T>& p, Index head, Index query) {
    const Index kv_head = head / p.gqa_group();
    std::vector<double> o(p.value_dim());
    double sum = 0;
    for (Index j = 0; j < p.keys(); ++j) {
      double score = 0;
      for (Index x = 0; x < p.head_dim(); ++x)
        score += double{p.q(head, query, x)} * crest::to_float(p.k(kv_head, j, x));
      const double weight = std::exp(score / std::sqrt(static_cast<double>(p.head_dim())));
      for (Index x = 0; x < p.value_dim(); ++x) o[x] += weight * crest::to_float(p.v(kv_head, j, x));
      sum += weight;
    }
    for (Index x = 0; x < p.value_dim(); ++x) p.o(head, query, x) = static_cast<float>(o[x] / sum);
  }
};

int main() {
  demo::Toy toy({.heads = 8, .kv_heads = 2, .queries = 3, .keys = 5000});
  EngineThreads engine(3);
  EngineExecutor executor{engine};

  bool good = demo::check(crest::attention(toy.problem()).ok(), "the calling thread alone");
  const std::vector<float> alone = toy.o;
  good &= demo::check(crest::attention(toy.problem(), crest::exact, executor).ok(), "the engine's three threads");
  good &= demo::check(toy.o == alone, "the result is the same to the last bit");

  const crest::Report report = crest::attention(toy.problem(), crest::exact, executor, Reference{});
  std::printf("the reference used %td keys in %td rows; crest is off by %.1e\n", report.keys_used, report.rows,
              demo::relative_error(alone, toy.o));
  good &= demo::check(report.ok() && demo::relative_error(alone, toy.o) <= 2e-6, "the reference in double agrees");

  crest::Problem<float> broken = toy.problem();
  broken.k = {};
  const crest::Report refused = crest::attention(broken, crest::exact, executor, Reference{});
  std::printf("a broken problem never reaches a backend: %s\n", crest::to_string(refused.status));
  good &= demo::check(!refused.ok(), "it is refused");
  return good ? 0 : 1;
}
