#include "recompute_contest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "call_guided.hpp"
#include "crest/crest.hpp"

namespace demo_test {
namespace {

constexpr Cell absent{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN(),
                      std::numeric_limits<double>::quiet_NaN()};

/// Bytes of f16 numbers, in whole lines.
double lines(long halves) { return std::ceil(static_cast<double>(halves) * 2 / 64) * 64; }

double run_bytes(const SlowLayer& t, long keys) { return lines(keys * t.dim) + lines(keys * t.value_dim); }

/// Calls step(query, steps) where guided read less than everything; elsewhere everything is read.
template <class F>
Cell other(const Solved& s, const Steps& guided, F&& step) {
  Steps steps;
  for (long query = 0; query < s.t.queries(); ++query) {
    const double dense = dense_bytes(s.t, query);
    if (guided.bytes[query] < dense) {
      step(query, steps);
    } else {
      steps.bytes.push_back(dense);
      steps.errors.insert(steps.errors.end(), s.t.heads, 0.0);
    }
  }
  return steps.cell(s.t);
}

Cell top_keys(const Solved& s, const Steps& guided) {
  return other(s, guided, [&](long query, Steps& steps) {
    const double share = guided.bytes[query] / dense_bytes(s.t, query);
    call_guided(s, query, {.budget = static_cast<float>(share), .draw = crest::Draw::top}, true, steps);
  });
}

/// Keys a group reads, and the bytes of it.
struct Kept {
  std::set<long> keys;
  double bytes = 0;
};

/// keep(query, kv_head, bytes) -> Kept
template <class F>
Cell keeping(const Solved& s, const Steps& guided, F&& keep) {
  return other(s, guided, [&](long query, Steps& steps) {
    steps.bytes.push_back(0);
    for (long kv_head = 0; kv_head < s.t.kv_heads; ++kv_head) {
      const Kept kept = keep(query, kv_head, guided.bytes[query] / static_cast<double>(s.t.kv_heads));
      steps.bytes.back() += kept.bytes;
      const std::vector<long> keys(kept.keys.begin(), kept.keys.end());
      for (long head = kv_head * s.t.group(); head < (kv_head + 1) * s.t.group(); ++head) {
        const std::vector<double>& scores = s.scores[query][head];
        const double reference = *std::max_element(scores.begin(), scores.end());
        steps.errors.push_back(relative_error(s.t.attend(head, scores, keys, reference).o, s.exact[query][head]));
      }
    }
  });
}

/// Four sinks, and one more recent key as long as bytes last.
Kept sinks_and_recent(const SlowLayer& t, long query, double bytes) {
  const long visible = t.visible(query), sinks = std::min(4L, visible);
  long recent = 0;
  while (sinks + recent < visible && run_bytes(t, sinks) + run_bytes(t, recent + 1) <= bytes) ++recent;
  Kept kept{{}, run_bytes(t, sinks) + run_bytes(t, recent)};
  for (long j = 0; j < visible; ++j)
    if (j < sinks || j >= visible - recent) kept.keys.insert(j);
  return kept;
}

/// Values of runs with their numbers, best first.
using Ranked = std::vector<std::pair<double, long>>;

Ranked best_first(Ranked ranked) {
  std::sort(ranked.begin(), ranked.end(),
            [](auto a, auto b) { return a.first > b.first || (a.first == b.first && a.second < b.second); });
  return ranked;
}

/// Rounds in which each head takes its next run of `size` keys.
void take_turns(const SlowLayer& t, const std::vector<Ranked>& heads, long size, double bytes, Kept& kept) {
  for (std::size_t round = 0; round < heads[0].size(); ++round)
    for (const Ranked& head : heads) {
      if (!kept.keys.empty() && kept.bytes + run_bytes(t, size) > bytes) return;
      const long first = head[round].second * size;
      if (!kept.keys.insert(first).second) continue;
      for (long j = first; j < first + size; ++j) kept.keys.insert(j);
      kept.bytes += run_bytes(t, size);
    }
}

Kept true_top_keys(const Solved& s, long query, long kv_head, double bytes) {
  std::vector<Ranked> heads;
  for (long h = 0; h < s.t.group(); ++h) {
    Ranked ranked;
    for (double score : s.scores[query][kv_head * s.t.group() + h])
      ranked.emplace_back(score, static_cast<long>(ranked.size()));
    heads.push_back(best_first(ranked));
  }
  Kept kept;
  take_turns(s.t, heads, 1, bytes, kept);
  return kept;
}

/// The largest score a key could have that lies between the smallest and largest elements of a block of 16.
double bound(const SlowLayer& t, const double* q, long kv_head, long block) {
  double sum = 0;
  for (long x = 0; x < t.dim; ++x) {
    double most = -1e300;
    for (long j = 16 * block; j < 16 * (block + 1); ++j) most = std::max(most, q[x] * t.key(kv_head, j)[x]);
    sum += most;
  }
  return sum;
}

Kept best_blocks(const SlowLayer& t, long query, long kv_head, double bytes) {
  const long visible = t.visible(query), newest = (visible - 1) / 16;
  std::vector<Ranked> heads;
  for (long h = kv_head * t.group(); h < (kv_head + 1) * t.group(); ++h) {
    Ranked ranked;
    for (long b = 0; b < newest; ++b) ranked.emplace_back(bound(t, t.query_row(h, query), kv_head, b), b);
    heads.push_back(best_first(ranked));
  }
  Kept kept{{}, run_bytes(t, visible - 16 * newest) + static_cast<double>(newest * 4 * t.dim)};
  for (long j = 16 * newest; j < visible; ++j) kept.keys.insert(j);
  take_turns(t, heads, 16, bytes, kept);
  return kept;
}

/// ggml's reference code for one block of at most 32 numbers.
void q4_0(double* x, long n) {
  const float far =
      static_cast<float>(*std::max_element(x, x + n, [](double a, double b) { return std::abs(a) < std::abs(b); }));
  const float d = far / -8, id = d != 0 ? 1 / d : 0, stored = to_float(crest::to_f16(d));
  for (long i = 0; i < n; ++i)
    x[i] = (std::min(15, static_cast<int>(static_cast<float>(x[i]) * id + 8.5f)) - 8) * double{stored};
}
void q8_0(double* x, long n) {
  float most = 0;
  for (long i = 0; i < n; ++i) most = std::max(most, std::abs(static_cast<float>(x[i])));
  const float d = most / 127, id = d != 0 ? 1 / d : 0, stored = to_float(crest::to_f16(d));
  for (long i = 0; i < n; ++i) x[i] = std::round(static_cast<float>(x[i]) * id) * double{stored};
}

/// Applies f to the blocks of 32 of every row.
void each_block(std::vector<double>& rows, long dim, void (*f)(double*, long)) {
  for (std::size_t row = 0; row < rows.size(); row += dim)
    for (long x = 0; x < dim; x += 32) f(rows.data() + row + x, std::min(32L, dim - x));
}

/// Bytes of a row in blocks, of f16 numbers otherwise.
double stored_share(const SlowLayer& t, long block_bytes) {
  return static_cast<double>(((t.dim + 31) / 32 + (t.value_dim + 31) / 32) * block_bytes) /
         static_cast<double>(2 * (t.dim + t.value_dim));
}

Cell storing(const Solved& s, const Steps& guided, double share, void (*f)(double*, long)) {
  SlowLayer stored = s.t;
  each_block(stored.k, stored.dim, f);
  each_block(stored.v, stored.value_dim, f);
  return other(s, guided, [&](long query, Steps& steps) {
    steps.bytes.push_back(share * dense_bytes(s.t, query));
    for (long head = 0; head < s.t.heads; ++head)
      steps.errors.push_back(relative_error(stored.exact(head, stored.scores(head, query)), s.exact[query][head]));
  });
}

}  // namespace

Contest recompute_contest(const std::filesystem::path& trace, int layer) {
  const Solved s(trace, layer);
  const double q4 = stored_share(s.t, 18), q8 = stored_share(s.t, 34);
  Contest contest{{0.10, 0.15, 0.20, q4, q8}, {}};
  for (double budget : contest.budgets) {
    const crest::GuidedOptions options{.budget = static_cast<float>(budget)};
    const Steps guided = guided_steps(s, options, true);
    const auto add = [&](const char* name, const Cell& cell) { contest.methods[name].push_back(cell); };
    const auto kept = [&](auto&& keep) { return keeping(s, guided, keep); };
    add("guided", guided.cell(s.t));
    add("guided, f16 rows", guided_steps(s, options, false).cell(s.t));
    add("top keys of the sketch", top_keys(s, guided));
    add("top keys of an oracle", kept([&](long i, long kv, double bytes) { return true_top_keys(s, i, kv, bytes); }));
    add("blocks of 16 by bounds", kept([&](long i, long kv, double bytes) { return best_blocks(s.t, i, kv, bytes); }));
    add("sinks and recent keys", kept([&](long i, long, double bytes) { return sinks_and_recent(s.t, i, bytes); }));
    add("q4_0 cache", budget == q4 ? storing(s, guided, q4, q4_0) : absent);
    add("q8_0 cache", budget == q8 ? storing(s, guided, q8, q8_0) : absent);
  }
  return contest;
}

}  // namespace demo_test
