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

/// Runs a small problem on `backend` and compares it with the scalar one.
inline bool answers_right(Backend backend) {
  constexpr Index keys = 37, dim = 24;
  float q[dim], k[keys * dim], v[keys * dim], out[dim], expected[dim];
  for (Index x = 0; x < dim; ++x) q[x] = std::sin(static_cast<float>(x + 1));
  for (Index x = 0; x < keys * dim; ++x)
    k[x] = std::cos(static_cast<float>(7 * x)), v[x] = std::sin(static_cast<float>(3 * x));
  Serial serial;
  Problem<float> p{
      .q = {q, {1, 1, dim}}, .k = {k, {1, keys, dim}}, .v = {v, {1, keys, dim}}, .o = {expected, {1, 1, dim}}};
  if (!attention(p, exact, serial, Backend::named("scalar")).ok()) return false;
  p.o = {out, {1, 1, dim}};
  if (!attention(p, exact, serial, backend).ok()) return false;
  for (Index x = 0; x < dim; ++x)
    if (!(std::abs(out[x] - expected[x]) <= 1e-5f)) return false;
  return true;
}

/// Whether a child process that uses `backend` survives and agrees. False when no child can be started.
inline bool survives(Backend backend) {
  const pid_t child = fork();
  if (child == 0) _exit(answers_right(backend) ? 0 : 1);
  int status = 1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace detail

/// Tries every available backend in a child process and takes those that fault or answer wrongly out of use for the
/// rest of this process. Call it before threads are started. Returns Backend::best().
inline Backend probe() {
  for (Backend b : Backend::all())
    if (b.available() && !detail::survives(b)) detail::faulty().fetch_or(1u << b.index);
  return Backend::best();
}

}  // namespace CREST_ABI
}  // namespace crest
