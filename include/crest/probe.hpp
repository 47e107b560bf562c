// probe(): a CPU may advertise instructions that fault when used (hypervisors do this). An application that wants to be
// sure calls probe() once at its start; attention() itself never forks and installs no signal handler. POSIX only.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "crest/attention.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// Whether a backend that must be asked for may be: not where CREST_BACKEND names another.
inline bool wants(Backend backend) {
  const char* const forced = forced_backend();
  return forced == nullptr || *forced == '\0' || std::string_view(forced) == backend.name();
}

/// Lets a backend with tile registers be used.
inline void trust(Backend backend) {
  if (backend.tiles()) probed().sound.fetch_or(1u << backend.index);
}

/// A small prompt. Values do not cancel, dims leave registers whole and in part.
struct ProbePrompt {
  static constexpr Index queries = 60, keys = 77, dim = 48;
  float q[queries * dim], k[keys * dim], v[keys * dim], expected[queries * dim], out[queries * dim];

  ProbePrompt() {
    for (Index x = 0; x < queries * dim; ++x) q[x] = std::sin(static_cast<float>(x + 1));
    for (Index x = 0; x < keys * dim; ++x)
      k[x] = std::cos(static_cast<float>(7 * x)), v[x] = 1 + 0.5f * std::sin(static_cast<float>(3 * x));
  }
  template <class R>
  Report attend(const R& recipe, Backend backend, float* to) const {
    Serial serial;
    const Problem<float> p{
        .q = {q, {1, queries, dim}}, .k = {k, {1, keys, dim}}, .v = {v, {1, keys, dim}}, .o = {to, {1, queries, dim}}};
    return attention(p, recipe, serial, backend);
  }
  bool agrees(float error) const {
    for (Index x = 0; x < queries * dim; ++x)
      if (!(std::abs(out[x] - expected[x]) <= error * expected[x])) return false;
    return true;
  }
};

/// Whether a backend computes what the scalar one does: exactly, and by products of bf16 where it has tile registers.
inline bool answers_right(Backend backend) {
  ProbePrompt prompt;
  if (!prompt.attend(exact, Backend::named("scalar"), prompt.expected).ok()) return false;
  if (!prompt.attend(exact, backend, prompt.out).ok() || !prompt.agrees(1e-5f)) return false;
  if (!backend.tiles()) return true;
  const Report report = prompt.attend(mixed.with({.target_error = 0}), backend, prompt.out);
  return report.ok() && report.fallbacks == 0 && prompt.agrees(5e-3f);
}

/// Whether a child process that uses `backend` survives and agrees. False when no child can be started.
inline bool survives(Backend backend) {
  const pid_t child = fork();
  if (child == 0) {
    trust(backend);
    _exit(answers_right(backend) ? 0 : 1);
  }
  int status = 1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace detail

/// Tries every backend that this machine supports in a child process and takes those that fault or answer wrongly out
/// of use for the rest of this process; one with tile registers ("amx") that answers right comes into use. Call it
/// before threads are started. Returns Backend::best().
inline Backend probe() {
  for (Backend b : Backend::all()) {
    if (!b.available() && !(b.tiles() && detail::wants(b) && detail::Regions::supported(b.index))) continue;
    if (detail::survives(b))
      detail::trust(b);
    else
      probed().faulty.fetch_or(1u << b.index);
  }
  return Backend::best();
}

}  // namespace CREST_ABI
}  // namespace crest
