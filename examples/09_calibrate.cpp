// Fits a basis to a trace, for sketches of half a bit per dimension; see docs/algorithm.md.
//
//   09_calibrate [--trace DIR] [--layer N] [--bits B] [--out DIR] [--check [DIR]]
//
// Writes basis_LL.crb per layer to --out; load_basis() reads one, and SketchOptions::basis takes it. --check compares
// the basis with the random rotation at 2 bits, on another trace if one is named. Without --out it only checks. Exit
// code 1: a basis does worse than the rotation; 2: a trace cannot be used.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "09_calibrate/check.hpp"
#include "common/default_trace.hpp"
#include "common/exit_code.hpp"
#include "common/format.hpp"
#include "common/progress.hpp"

namespace {

namespace fs = std::filesystem;
using namespace demo;

struct Options {
  fs::path trace{}, out{}, check{};
  int layer = -1;
  calibrate::FitOptions fit{};
};

std::vector<std::byte> saved(const crest::SketchBasis& basis) {
  std::vector<std::byte> bytes(crest::saved_bytes(basis));
  const crest::Status status = crest::save_basis(basis, bytes);
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
  return bytes;
}

fs::path write(const fs::path& folder, int layer, const crest::SketchBasis& basis) {
  char name[32];
  std::snprintf(name, sizeof name, "basis_%02d.crb", layer);
  fs::create_directories(folder);
  const std::vector<std::byte> bytes = saved(basis);
  std::ofstream out(folder / name, std::ios::binary);
  if (!out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())).flush())
    throw std::runtime_error("--out: cannot write " + (folder / name).string());
  return folder / name;
}

std::string widths(const crest::SketchBasis& basis) {
  std::string text;
  for (std::uint8_t bits : basis.bits) text += ' ' + std::to_string(bits);
  return text;
}

void print(const std::string& name, const calibrate::Verdict& verdict) {
  std::cout << "  " << name << ": score noise " << fixed(verdict.noise, 3) << " nats^2\n";
  for (const calibrate::Answer& a : verdict.answers)
    std::cout << "    budget " << fixed(a.budget, 2) << ": read " << percent(a.bytes) << ", error mean "
              << percent(a.mean) << ", p95 " << percent(a.p95) << ", above twice the predicted "
              << percent(a.understated) << ", done exactly " << percent(a.exact) << '\n';
}

/// Whether the basis does better than the rotation.
bool check(const Trace& trace, const Layer& layer, const crest::SketchBasis& basis) {
  const calibrate::Verdict rotated = calibrate::check(trace, layer, nullptr),
                           fitted = calibrate::check(trace, layer, &basis);
  print("rotation, 2 bits", rotated);
  print("fitted", fitted);
  return fitted.answers.front().mean < rotated.answers.front().mean;
}

const Layer* find(const Trace& trace, int number) {
  for (const Layer& layer : trace.layers)
    if (layer.number == number) return &layer;
  return nullptr;
}

/// Fits one layer, writes and checks as asked. `other`: the trace to check on, or null.
bool calibrate_layer(const Trace& trace, const Layer& layer, const Trace* other, const Options& options) {
  const crest::SketchBasis basis = calibrate::fit(calibrate::sample(trace, layer), options.fit);
  std::cout << "layer " << layer.number << ": " << basis.mapped << " of " << basis.head_dim
            << " dimensions, bits of each four:" << widths(basis) << ", " << crest::saved_bytes(basis) << " bytes\n";
  if (!options.out.empty()) std::cout << "  written to " << write(options.out, layer.number, basis).string() << '\n';
  if (!other) return true;
  const Layer* same = find(*other, layer.number);
  if (!same) std::cout << "  not in " << other->name << ": not checked\n";
  return !same || check(*other, *same, basis);
}

bool calibrate_all(const Options& options, bool wants_check) {
  const Trace trace = read_trace(options.trace);
  const Trace other = options.check.empty() ? trace : read_trace(options.check);
  if (options.layer >= 0 && !find(trace, options.layer))
    fail_trace(options.trace, "layers", "lacks layer " + std::to_string(options.layer));
  std::cout << "fitted to " << trace.name;
  if (wants_check) std::cout << ", checked on " << (options.check.empty() ? "the same, which flatters" : other.name);
  std::cout << std::endl;
  Progress progress;
  bool good = true;
  for (const Layer& layer : trace.layers) {
    if (options.layer >= 0 && layer.number != options.layer) continue;
    progress.say("layer " + std::to_string(layer.number));
    good &= calibrate_layer(trace, layer, wants_check ? &other : nullptr, options);
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  Options options{.trace = default_trace()};
  CLI::App app("Fits bases for sketches of few bits to a trace");
  app.add_option("--trace", options.trace, "folder of the trace to fit to");
  app.add_option("--layer", options.layer, "one layer; all without");
  app.add_option("--bits", options.fit.bits, "bits per dimension, on the whole")->check(CLI::Range(0.05, 4.0));
  app.add_option("--out", options.out, "folder to write the bases to");
  const CLI::Option* check =
      app.add_option("--check", options.check, "compare with the rotation, on this trace")->expected(0, 1);
  CLI11_PARSE(app, argc, argv);
  const bool wants_check = check->count() > 0 || options.out.empty();
  return exit_code("09_calibrate", [&] { return calibrate_all(options, wants_check) ? 0 : 1; });
}
