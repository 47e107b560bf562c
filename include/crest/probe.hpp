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

/// Lets a backend with tile registers be used.
inline void trust(Backend backend) {
  if (backend.tiles()) sound().fetch_or(1u << backend.index);
}

/// Runs a small problem of many rows, one by products of bf16 where the backend has tile registers, and compares it
/// with what the scalar backend makes of it.
inline bool answers_right(Backend backend) {
  constexpr Index queries = 60, keys = 37, dim = 24;
  float q[queries * dim], k[keys * dim], v[keys * dim], out[queries * dim], expected[queries * dim];
  for (Index x = 0; x < queries * dim; ++x) q[x] = std::sin(static_cast<float>(x + 1));
  for (Index x = 0; x < keys * dim; ++x)
    k[x] = std::cos(static_cast<float>(7 * x)), v[x] = std::sin(static_cast<float>(3 * x));
  Serial serial;
  Problem<float> p{.q = {q, {1, queries, dim}},
                   .k = {k, {1, keys, dim}},
                   .v = {v, {1, keys, dim}},
                   .o = {expected, {1, queries, dim}}};
  const auto agree = [&](const auto& recipe, float error) {
    p.o = {out, {1, queries, dim}};
    if (!attention(p, recipe, serial, backend).ok()) return false;
    for (Index x = 0; x < queries * dim; ++x)
      if (!(std::abs(out[x] - expected[x]) <= error)) return false;
    return true;
  };
  if (!attention(p, exact, serial, Backend::named("scalar")).ok() || !agree(exact, 1e-5f)) return false;
  return !backend.tiles() || agree(mixed.with({.target_error = 0}), 1e-2f);
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
    if (!b.available() && !(b.tiles() && detail::Regions::supported(b.index))) continue;
    if (detail::survives(b))
      detail::trust(b);
    else
      detail::faulty().fetch_or(1u << b.index);
  }
  return Backend::best();
}

}  // namespace CREST_ABI
}  // namespace crest
