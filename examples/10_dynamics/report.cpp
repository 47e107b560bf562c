#include "report.hpp"

#include "../common/format.hpp"

namespace study {
namespace {

using demo::Cells;
using demo::fixed;
using demo::percent;

constexpr const char* css = R"css(
.token{fill:var(--blue);fill-opacity:.75}.leader{fill:var(--red)}.frame{fill:none;stroke:var(--line)}
.hull{fill:#f3f5f9;stroke:var(--soft);stroke-width:1.2}.trail{fill:none;stroke:var(--blue);stroke-opacity:.3;stroke-width:1}
.curve{fill:none;stroke:var(--green);stroke-width:2.5}.rule{fill:none;stroke:var(--soft);stroke-width:1.4;stroke-dasharray:5 4}
.dot{fill:var(--green)}
)css";

std::string milliseconds(double seconds) { return seconds > 0 ? fixed(1e3 * seconds, 1) : "-"; }
std::string ratio(double slow, double fast) { return slow > 0 ? fixed(slow / fast, 1) : "-"; }

}  // namespace

std::vector<Cells> table(const std::vector<Census>& census) {
  std::vector<Cells> lines{{"d", "n", "starts", "leaders", "clusters", "tokens elsewhere", "steps", "leaders moved by",
                            "leaders not vertices, or v.v."}};
  for (const Census& c : census)
    lines.push_back({std::to_string(c.d), std::to_string(c.n), std::to_string(c.starts), fixed(c.leaders, 1),
                     fixed(c.clusters, 1), percent(c.apart), fixed(c.steps, 1), fixed(c.moved, 7),
                     c.d <= 3 ? std::to_string(c.misplaced) : "-"});
  return lines;
}

std::vector<Cells> table(const std::vector<Sensitivity>& sensitivities) {
  std::vector<Cells> lines{{"sensitivity", "clusters", "at rest after 400 steps", "at rest, hardmax would move"}};
  for (const Sensitivity& s : sensitivities)
    lines.push_back({s.name, fixed(s.clusters, 1), percent(s.at_rest), percent(s.quiescent)});
  return lines;
}

std::vector<Cells> table(const std::vector<Cooled>& cooled) {
  std::vector<Cells> lines{{"temperature", "distance to hardmax"}};
  for (const Cooled& c : cooled) lines.push_back({fixed(c.temperature, 5), demo::relative_error(c.distance)});
  return lines;
}

std::vector<Cells> table(const std::vector<Sampling>& samplings) {
  std::vector<Cells> lines{{"tokens", "d", "starts", "scores computed", "drawn elsewhere", "end elsewhere", "clusters",
                            "sampled", "starts with other clusters"}};
  for (const Sampling& s : samplings)
    lines.push_back({s.tokens, std::to_string(s.d), std::to_string(s.starts), percent(s.scored), percent(s.astray),
                     percent(s.elsewhere), fixed(s.clusters, 1), fixed(s.sampled_clusters, 1), percent(s.changed)});
  return lines;
}

std::vector<Cells> table(const std::vector<Speed>& speeds) {
  std::vector<Cells> lines{{"n", "d", "crest, ms", "Eigen, ms", "Eigen by 32 rows, ms", "ratio", "ratio by 32 rows",
                            "followers, ms", "difference"}};
  for (const Speed& s : speeds)
    lines.push_back({std::to_string(s.n), std::to_string(s.d), milliseconds(s.crest), milliseconds(s.dense),
                     milliseconds(s.tiled), ratio(s.dense, s.crest), ratio(s.tiled, s.crest), milliseconds(s.followers),
                     demo::relative_error(s.distance)});
  return lines;
}

demo::WebPage page(const Findings& f) {
  demo::WebPage page("Token dynamics under attention", css);
  page.paragraph(
      "Each token moves a little towards the mean of the tokens whose score with it is the highest, layer after layer. "
      "The definitions and what is proved are in docs/dynamics.md; all numbers here are of this run.");
  page.heading("Tokens gather at leaders");
  page.figure(moving_figure(f.plain),
              std::to_string(f.plain.frames[0].rows()) + " tokens, A = I, alpha = 0.1. Red: the " +
                  std::to_string(f.plain.leaders.size()) + " leaders, which never move; in the end there are " +
                  std::to_string(f.plain.clusters) + " clusters. The outline is the hull of all tokens at the start.");
  page.figure(moments_figure(f.plain), "The same run: the hull shrinks to the polytope of the leaders.");
  page.heading("Random starts");
  page.paragraph(
      "A is random and positive definite, alpha = 0.5. Columns of counts are means over the starts. The more tokens, "
      "the "
      "fewer starts: time allows no more.");
  page.table(table(f.census));
  page.heading("Without normalisation");
  page.figure(growth_figure(f.growth, 0.1), "The largest norm, in units of the first. Dashed: (1 + alpha)^t.");
  page.heading("Localmax");
  page.paragraph(
      "A = I, alpha = 0.5, d = 2. A constant sensitivity is in units of the scores, a relative one in units of the "
      "highest score of each token; the last line is one that vanishes in time.");
  page.table(table(f.sensitivities));
  page.heading("Softmax approaches hardmax");
  page.figure(cooling_figure(f.cooled),
              "Relative distance between what softmax at temperature T and hardmax draw 2,000 tokens to, d = 8.");
  page.heading("Sampled maxima");
  page.paragraph(
      "The stride and window of `clustered` in place of the full scan. Scores computed, of all pairs, and drawn "
      "elsewhere: in the first step. Sampling finds the maximum where neighbours are alike, and not in a cloud, even "
      "when sorted by angle: lengths still jump.");
  page.table(table(f.samplings));
  page.heading("Speed");
  page.paragraph(
      "One step on one thread. Followers: the mean of 20 steps after the first, in which tokens that follow a leader "
      "are no longer scored.");
  page.table(table(f.speeds));
  return page;
}

}  // namespace study
