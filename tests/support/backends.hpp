// Loops over what this CPU can run.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "crest/attention.hpp"

namespace test {

/// Besides `exact`, recipes that use every key: with the classic online softmax, and by looking first.
inline constexpr crest::Recipe online{crest::EveryKey{}, crest::Stay{}, crest::Rescaling{}, crest::Everything{}};
inline constexpr crest::Recipe looking{crest::Stride{1}, crest::Stay{}, crest::Margin{}, crest::Plateau{1000}};

/// Calls f(backend) for every backend this CPU supports; failures name it.
template <class F>
void for_each_backend(F&& f) {
  for (const crest::Backend& backend : crest::Backend::all()) {
    if (!backend.available()) continue;
    SCOPED_TRACE(std::string("backend ") + backend.name());
    f(backend);
  }
}

/// Runs on one backend; the call must succeed.
template <class T, class R = crest::Exact>
crest::Report run(const crest::Problem<T>& p, const R& recipe = crest::exact,
                  crest::Backend backend = crest::Backend::best()) {
  const crest::Report report = crest::attention(p, recipe, crest::this_thread_serial(), backend);
  EXPECT_TRUE(report.ok()) << crest::to_string(report.status);
  return report;
}

/// The same where only the output matters.
template <class T, class R = crest::Exact>
void compute(const crest::Problem<T>& p, const R& recipe = crest::exact,
             crest::Backend backend = crest::Backend::best()) {
  EXPECT_EQ(run(p, recipe, backend).rows, p.heads() * p.queries());
}

}  // namespace test
