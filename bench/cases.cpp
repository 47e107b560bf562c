#include "cases.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "team.hpp"

namespace bench {

namespace {

const std::vector<Shape> all_models = {{32, 8, 128}, {9, 3, 64}, {8, 8, 64}};
const std::vector<Shape> grouped_models = {{32, 8, 128}, {9, 3, 64}};
const std::vector<DType> all_types = {DType::f32, DType::f16, DType::bf16};

bool holds(const std::string& name, const std::string& word) {
  const auto inside = [](char c) { return c == ' ' || c == '_'; };
  for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || inside(name[at - 1])) && (end == name.size() || inside(name[end]))) return true;
  }
  return false;
}

constexpr const char* dtype_names[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "i8", "i4x32"};

}  // namespace

bool holds_all(const std::string& name, const std::string& words) {
  std::istringstream stream(words);
  for (std::string word; stream >> word;)
    if (!holds(name, word)) return false;
  return true;
}

const char* name(DType dtype) { return dtype_names[static_cast<std::size_t>(dtype)]; }

DType dtype_named(const std::string& text) {
  for (std::size_t i = 0; i < std::size(dtype_names); ++i)
    if (text == dtype_names[i]) return static_cast<DType>(i);
  throw std::invalid_argument("no such type: " + text);
}

std::size_t Shape::kv_bytes(DType dtype) const {
  const Index scales = dtype == DType::i8 || dtype == DType::i4x32 ? kv_heads * keys * Index{sizeof(float)} : 0;
  return with_cache_type(dtype, [&](auto element) {
    return 2 * static_cast<std::size_t>(crest::bytes_of<decltype(element)>(kv_elements()) + scales);
  });
}

std::string Shape::model() const {
  return std::to_string(heads) + "/" + std::to_string(kv_heads) + " d" + std::to_string(head_dim);
}

std::string Shape::name() const {
  return (queries > 1 ? "P_" : "D_") + std::to_string(heads) + "_" + std::to_string(kv_heads) + "_d" +
         std::to_string(head_dim) + "_n" +
         (keys % 1024 == 0 ? std::to_string(keys / 1024) + "k" : std::to_string(keys));
}

std::string Case::name() const { return shape.name() + " " + bench::name(dtype) + " t" + std::to_string(threads); }

std::string Case::list_line() const {
  std::ostringstream line;
  line << shape.name() << ' ' << shape.heads << ' ' << shape.kv_heads << ' ' << shape.head_dim << ' ' << shape.keys
       << ' ' << shape.queries << ' ' << bench::name(dtype) << ' ' << threads << '\n';
  return line.str();
}

Grid full_grid() {
  Grid grid{all_models, {}, all_types, {1}};
  for (Index k = 1; k <= 128; k *= 2) grid.keys.push_back(k * 1024);
  if (cpu_count() > 1) grid.threads.push_back(2);
  return grid;
}

Grid coarse_grid() {
  Grid grid = full_grid();
  grid.keys = {1024, 4096, 16384, 65536};
  return grid;
}

Grid quick_grid() { return {all_models, {4096, 16384}, all_types, {1}}; }

Grid block_grid(bool quick) {
  const std::vector<Index> few = {4096, 16384}, all = {4096, 16384, 65536};
  return {{{32, 8, 128}, {8, 8, 128}}, quick ? few : all, {DType::q8_0, DType::q4_0}, {1}};
}

Grid prompt_grid(bool quick) {
  const std::vector<Index> few = {1024}, all = {1024, 2048, 4096};
  return {{{8, 2, 128}, {9, 3, 64}}, quick ? few : all, all_types, {1}, true};
}

Grid guided_grid(bool quick) {
  const std::vector<Index> few = {4096, 16384}, all = {768, 1024, 2048, 4096, 16384, 65536};
  return {grouped_models, quick ? few : all, {DType::f16}, {1}};
}

Grid append_grid() { return {grouped_models, {8192}, {DType::f16}, {1}}; }

std::vector<Case> cases(const Grid& grid, const std::string& filter) {
  std::vector<Case> all;
  for (Shape shape : grid.models)
    for (Index keys : grid.keys)
      for (DType dtype : grid.dtypes)
        for (int threads : grid.threads) {
          shape.keys = keys, shape.queries = grid.prompts ? keys : 1;
          const Case c{shape, dtype, threads};
          if (holds_all(c.name(), filter)) all.push_back(c);
        }
  return all;
}

}  // namespace bench
