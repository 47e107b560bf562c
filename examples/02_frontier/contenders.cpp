#include "contenders.hpp"

#include <initializer_list>

#include "../common/format.hpp"

namespace frontier {
namespace {

using namespace crest;
using demo::SketchRows;

class List {
 public:
  /// A recipe at some settings, a line in the figures. recipe(setting) -> a Recipe
  template <class F>
  void add(const char* family, const char* unit, std::initializer_list<Index> settings, F&& recipe) {
    for (Index x : settings)
      all_.push_back(contender({family, std::string(unit).append(std::to_string(x))}, recipe(x)));
  }
  void add_guided(const char* family, SketchRows rows, Draw draw) {
    for (double budget : {0.08, 0.10, 0.15, 0.20, 0.30}) {
      const Guided recipe = guided.with({.budget = static_cast<float>(budget), .draw = draw});
      all_.push_back(contender({family, demo::fixed(budget, 2)}, recipe, rows));
      if (draw == Draw::mass && rows == SketchRows::bytes) all_.back().budget = budget;
    }
  }
  template <class R>
  void add(const char* name, const R& recipe) {
    all_.push_back(contender({name}, recipe));
  }
  std::vector<Contender> done() { return std::move(all_); }

 private:
  std::vector<Contender> all_;
};

template <class S, class R, class C>
auto margin(S sampler, R refiner, C selection, RecipeOptions options = {}) {
  return Recipe{sampler, refiner, Margin{}, selection, options};
}

/// All keys of the groups that hold `per_cent` of the keys, for each head.
template <class S>
auto grouped(Index per_cent) {
  return margin(S{.share = 0.01f * static_cast<float>(per_cent)}, Stay{}, Everything{});
}

}  // namespace

/// A policy is a line.
std::vector<Contender> contenders() {
  List list;
  list.add("exact", exact);
  list.add_guided("guided", SketchRows::bytes, Draw::mass);
  list.add_guided("guided, f16 rows", SketchRows::none, Draw::mass);
  list.add_guided("top keys of the sketch", SketchRows::bytes, Draw::top);
  list.add_guided("guided, uniform draw", SketchRows::bytes, Draw::uniform);
  list.add_guided("guided, strided probe", SketchRows::bytes, Draw::probe);
  list.add("clustered", "stride ", {4, 8, 16, 32}, [](Index s) { return margin(Stride{s}, Window{}, Plateau{}); });
  list.add("clustered, drop 3", "stride ", {4, 8, 16, 32},
           [](Index s) { return margin(Stride{s}, Window{}, Plateau{3}); });
  list.add("clustered, 16 windows", "stride ", {4, 8, 16, 32},
           [](Index s) { return margin(Stride{s}, Window{.peaks = 16}, Plateau{}); });
  list.add("clustered, reach 128", "stride ", {8, 16, 32, 64},
           [](Index s) { return margin(Stride{s}, Window{.reach = 128, .peaks = 2}, Plateau{}); });
  list.add("stride alone", "", {2, 4, 8, 16}, [](Index s) { return margin(Stride{s}, Stay{}, Plateau{}); });
  list.add("pyramid", "from ", {32, 64, 128}, [](Index s) { return margin(Pyramid{{s, 8}}, Window{}, Plateau{}); });
  list.add("stride 16, climb", "steps ", {8, 32, 128},
           [](Index n) { return margin(Stride{}, Climb{.peaks = 16, .steps = n}, Plateau{}); });
  list.add("top keys of all scores", "", {64, 128, 256, 512, 1024},
           [](Index n) { return margin(EveryKey{}, Stay{}, TopKeys{n}); });
  list.add("draws of all scores", "% ", {2, 5, 10, 20},
           [](Index x) { return margin(EveryKey{}, Stay{}, MassStride{.share = 0.01f * static_cast<float>(x)}); });
  list.add("blocks by antidiagonals", "mass % ", {50, 80, 90, 95},
           [](Index x) { return margin(Antidiagonal{.mass = 0.01f * static_cast<float>(x)}, Stay{}, Everything{}); });
  list.add("blocks by means", "% ", {5, 10, 20}, grouped<BlockMean>);
  list.add("blocks by bounds (Quest)", "% ", {5, 10, 20}, grouped<TopBlocks>);
  list.add("clusters of keys", "% ", {5, 10, 20}, grouped<TopClusters>);
  list.add("sinks and recent keys", "", {128, 256, 512, 1024, 2048},
           [](Index n) { return margin(Recent{.window = n}, Stay{}, Everything{}, {.keep_last = 0}); });
  return list.done();
}

std::vector<Contender> softmax_policies() {
  List list;
  const auto scan = [](auto softmax) { return Recipe{EveryKey{}, Stay{}, softmax, Everything{}}; };
  const auto strided = [](auto softmax) { return Recipe{Stride{}, Window{}, softmax, Plateau{}}; };
  list.add("all keys, Lazy", scan(Lazy{}));
  list.add("all keys, Margin", scan(Margin{}));
  list.add("all keys, Rescaling", scan(Rescaling{}));
  list.add("stride 16 + window, Lazy", strided(Lazy{}));
  list.add("stride 16 + window, Margin", strided(Margin{}));
  list.add("stride 16 + window, Rescaling", strided(Rescaling{}));
  return list.done();
}

}  // namespace frontier
