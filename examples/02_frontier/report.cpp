#include "report.hpp"

#include <stdexcept>

#include "../common/format.hpp"
#include "figures.hpp"
#include "findings.hpp"

namespace frontier {
namespace {

std::string milliseconds(double seconds) { return demo::fixed(1e3 * seconds, 2); }

std::vector<demo::Cells> race_table(const std::vector<Runner>& runners) {
  std::vector<demo::Cells> lines{{"recipe", "moves a row", "ms", "bytes", "mean error"}};
  for (const Runner& r : runners)
    lines.push_back({r.name, demo::fixed(r.rescales / r.rows, 3), milliseconds(r.seconds), demo::percent(r.share),
                     demo::relative_error(r.error)});
  return lines;
}

std::string or_dash(bool known, const std::string& text) { return known ? text : "-"; }

}  // namespace

std::vector<std::string> Report::families() const {
  std::vector<std::string> names;
  for (const Contender& c : contenders)
    if (names.empty() || names.back() != c.label.family) names.push_back(c.label.family);
  return names;
}

std::size_t Report::index(const std::string& name) const {
  for (std::size_t i = 0; i < contenders.size(); ++i)
    if (contenders[i].label.text() == name) return i;
  throw std::logic_error("not a contender: " + name);
}

std::vector<demo::Cells> summary(const Report& report) {
  std::vector<demo::Cells> lines{
      {"method", "bytes", "mean error", "p95", "keys used", "mass kept", "true / told", "rows exact"}};
  for (std::size_t i = 0; i < report.contenders.size(); ++i) {
    const Outcome& o = report.all.outcomes[i];
    const std::vector<double> ratios = o.true_by_predicted();
    lines.push_back({report.contenders[i].label.text(), demo::percent(o.share()), demo::relative_error(o.error()),
                     demo::relative_error(demo::value_at(o.errors, 0.95)),
                     demo::percent(o.counts.keys_used / o.counts.keys_visible),
                     or_dash(o.kept.has_value(), o.kept ? demo::percent(o.mass_kept()) : ""),
                     or_dash(!ratios.empty(), demo::fixed(demo::value_at(ratios, 0.5), 2)),
                     or_dash(!o.predicted.empty(), demo::percent(o.counts.fallbacks / o.counts.rows))});
  }
  return lines;
}

demo::WebPage page(const Report& r) {
  demo::WebPage page("The laboratory: what a sparse attention keeps of these heads", figure_style);
  page.paragraph(about_trace(r));
  page.heading("Bytes against error");
  page.figure(frontier_figure(r), frontier_finding(r));
  page.figure(layers_figure(r), layers_finding(r));
  page.heading("Errors foretold");
  page.figure(calibration_figure(r), calibration_finding(r));
  page.heading("Do maxima come in clusters?");
  page.figure(neighbours_figure(r, Neighbours::weights), neighbours_finding(r, Neighbours::weights));
  page.figure(neighbours_figure(r, Neighbours::raw_scores), neighbours_finding(r, Neighbours::raw_scores));
  page.heading("How smooth scores are");
  page.figure(smoothness_figure(r), smoothness_finding(r));
  page.heading("Mass kept");
  page.figure(mass_figure(r), mass_finding(r));
  page.heading("A budget for each layer");
  page.figure(budgets_figure(r), budgets_finding(r));
  if (!r.walk_layers.empty()) {
    page.heading("Where keys are smooth");
    page.figure(walks_figure(r, 0.10), walks_finding(r));
  }
  page.heading("Softmax references");
  page.paragraph(race_finding(r));
  page.table(race_table(r.runners));
  page.heading("All methods, all layers together");
  page.table(summary(r));
  return page;
}

}  // namespace frontier
