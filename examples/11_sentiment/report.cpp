#include "report.hpp"

#include <algorithm>
#include <numeric>

#include "../common/format.hpp"

namespace sentiment {
namespace {

using demo::Cells;
using demo::fixed;

constexpr const char* css = R"css(
.ours{fill:none;stroke:var(--green);stroke-width:2.5}.seed{fill:var(--green);fill-opacity:.45}
.published{fill:none;stroke:var(--soft);stroke-width:1.6;stroke-dasharray:5 4}.point{fill:var(--soft)}
.good{fill:#e4f2ee}.poor{fill:#fbeae3}.word{font-size:11px;fill:var(--ink)}.lead{font-weight:700;fill:var(--red)}
.token{fill:var(--blue);fill-opacity:.75}.leader{fill:var(--red)}.frame{fill:none;stroke:var(--line)}
)css";

/// The first held-out review of a kind that is judged rightly, short enough to read, with words that follow others.
const Review* example(const Model& model, const std::vector<Review>& reviews, bool positive) {
  for (const Review& r : reviews) {
    if (r.positive != positive || r.words.size() < 9 || r.words.size() > 14) continue;
    const Path path = follow(model, r);
    if ((path.score > 0) == positive && path.leaders.size() >= 2 && path.leaders.size() <= 4) return &r;
  }
  return nullptr;
}

}  // namespace

double Width::mean() const {
  return std::accumulate(accuracy.begin(), accuracy.end(), 0.0) / static_cast<double>(accuracy.size());
}

std::vector<Cells> accuracy_table(const std::vector<Width>& widths) {
  std::vector<Cells> lines{{"d", "mean accuracy", "lowest", "highest", "seeds", "learnt alpha", "words that lead"}};
  for (const Width& w : widths) {
    const auto [low, high] = std::minmax_element(w.accuracy.begin(), w.accuracy.end());
    lines.push_back({std::to_string(w.d), fixed(w.mean(), 3), fixed(*low, 3), fixed(*high, 3),
                     std::to_string(w.accuracy.size()), fixed(w.alpha, 2), demo::percent(w.leaders)});
  }
  return lines;
}

std::vector<Cells> leader_table(const std::vector<LeaderWord>& words) {
  constexpr std::size_t rows = 12;
  std::vector<Cells> lines{{"speaks for", "stands in", "leads in", "speaks against", "stands in", "leads in"}};
  lines.resize(rows + 1);
  for (const bool positive : {true, false}) {
    std::size_t row = 0;
    for (const LeaderWord& w : words) {
      if ((w.judgement > 0) != positive || w.led == 0 || row == rows) continue;
      Cells& line = lines[++row];
      line.resize(positive ? 0 : 3);
      line.insert(line.end(), {w.word, std::to_string(w.reviews), demo::percent(w.share())});
    }
  }
  return lines;
}

demo::WebPage page(const Findings& f) {
  demo::WebPage page("Judging reviews by hardmax dynamics", css);
  page.paragraph(
      "A word is a point in d dimensions. In each of 8 layers every word of a review moves towards the word whose "
      "score with it is the highest, by a step that is learnt; then the mean of all is judged by a linear function. "
      "Words that attract themselves are leaders: they never move, and others gather around them. " +
      std::string(f.reviews.kept_apart ? "The reviews in the folder test are" : "A fifth of the reviews is") +
      " held out; accuracies are those of the held-out reviews, moved by crest's kernels.");
  page.heading("Accuracy");
  page.table(accuracy_table(f.widths));
  page.figure(accuracy_figure(f.widths), "Each dot is a seed" +
                                             std::string(f.reviews.kept_apart ? "" : ", with its own split") +
                                             ". Dashed: published for IMDb's long reviews (Alcalde, Fantuzzi, Zuazua "
                                             "2025); with other data only the slope "
                                             "compares.");
  page.heading("Words that lead");
  page.paragraph(
      "In the model of d = 2: words that stand in at least ten held-out reviews, and in which share of them they "
      "lead.");
  page.table(leader_table(leader_words(f.flat, f.reviews)));
  page.heading("A review on its way through the layers");
  for (const bool positive : {true, false})
    if (const Review* review = example(f.flat, f.reviews.test, positive))
      page.figure(path_figure(f.flat, f.reviews, *review),
                  std::string("A ") + (positive ? "positive" : "negative") +
                      " review in the model of d = 2. Red: leaders behind the last layer. The decoder judges points in "
                      "the green half plane as positive.");
  return page;
}

}  // namespace sentiment
