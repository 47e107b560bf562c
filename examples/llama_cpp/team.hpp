// The threads that attention runs on: those of OpenMP when ggml's are, so that the two do not compete for the cores,
// and crest's Pool otherwise.
#pragma once

#include <memory>

#include "crest/executors.hpp"
#include "ggml_runner.hpp"

namespace plugin {

using crest::Index;

class Team {
 public:
  explicit Team(int threads) : threads_(threads < 1 ? 1 : threads) {
#if defined(_OPENMP)
    if (GgmlRunner::uses_openmp()) {
      openmp_ = std::make_unique<crest::OpenMP>(threads_);
      return;
    }
#endif
    pool_ = std::make_unique<crest::Pool>(threads_);
  }

  Index size() const { return threads_; }

  template <class F>
  void parallel(Index tasks, F&& f) {
    if (threads_ == 1 || tasks <= 1)
      for (Index task = 0; task < tasks; ++task) f(Index{0}, task);
    else if (pool_)
      pool_->parallel(tasks, f);
#if defined(_OPENMP)
    else
      openmp_->parallel(tasks, f);
#endif
  }

  std::span<std::byte> scratch(std::size_t bytes) noexcept { return scratch_.get(bytes); }

 private:
  int threads_;
  std::unique_ptr<crest::Pool> pool_;
#if defined(_OPENMP)
  std::unique_ptr<crest::OpenMP> openmp_;
#endif
  crest::ScratchBuffer scratch_;
};

}  // namespace plugin
