// What 10_dynamics and 11_sentiment print in their quick mode: fields that must hold on any machine, not times.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "run_demo.hpp"

namespace {

using demo_test::contents;
using demo_test::Folder;
using demo_test::Outcome;
using Row = std::vector<std::string>;

/// Cells stand at least two blanks apart.
Row cells_of(const std::string& line) {
  Row cells;
  for (std::size_t at = line.find_first_not_of(' '); at != std::string::npos;) {
    const std::size_t end = line.find("  ", at);
    cells.push_back(line.substr(at, end == std::string::npos ? end : end - at));
    at = end == std::string::npos ? end : line.find_first_not_of(' ', end);
  }
  return cells;
}

/// The lines of the table whose head begins so.
std::vector<Row> table(const std::string& text, const Row& head) {
  std::vector<Row> rows;
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const Row cells = cells_of(line);
    if (inside && cells.empty()) return rows;
    if (inside) rows.push_back(cells);
    inside |= cells.size() >= head.size() && std::equal(head.begin(), head.end(), cells.begin());
  }
  return rows;
}

double number(const std::string& cell) { return std::stod(cell); }

/// Whether a text holds a word that is no part of another one: reviews speak of bananas.
bool holds_word(const std::string& text, const std::string& word) {
  const auto letter = [&](std::size_t at) {
    return at < text.size() && std::isalpha(static_cast<unsigned char>(text[at]));
  };
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if (!letter(at - 1) && !letter(at + word.size())) return true;
  return false;
}

/// Every fact it checks holds, it says how long it took, and its page stands alone.
void expect_sound(const Outcome& outcome, const std::filesystem::path& page) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(outcome.text.find("WRONG"), std::string::npos) << outcome.text;
  EXPECT_NE(outcome.text.find("\nok: "), std::string::npos);
  EXPECT_NE(outcome.text.find("\ntook "), std::string::npos);
  const std::string html = contents(page);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  for (const char* outside : {"src=\"http", "href=\"http", "url(http", "inf\""})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  EXPECT_FALSE(holds_word(html, "nan"));
}

Outcome run(const std::string& program) {
  const Folder folder;
  const auto page = folder.path() / "page.html";
  const Outcome outcome = demo_test::run_command("'" + program + "' --html " + page.string());
  expect_sound(outcome, page);
  return outcome;
}

const Outcome& dynamics() {
  static const Outcome outcome = run(DYNAMICS_PROGRAM);
  return outcome;
}

TEST(Dynamics, PrintsWhatItFinds) {
  const Outcome& outcome = dynamics();
  const auto census = table(outcome.text, {"d", "n", "starts", "leaders"});
  ASSERT_EQ(census.size(), 10u);
  for (const Row& row : census) {
    EXPECT_GE(number(row[3]), 2) << "leaders";
    EXPECT_EQ(row[3], row[4]) << "clusters are those of the leaders";
    EXPECT_EQ(row[7], "0.0000000") << "leaders do not move";
  }
  const auto sensitivities = table(outcome.text, {"sensitivity"});
  ASSERT_EQ(sensitivities.size(), 11u);
  EXPECT_EQ(sensitivities[7][0], "relative 0.01");
  EXPECT_GT(number(sensitivities.front()[1]), number(sensitivities[5][1])) << "clusters merge as sensitivity grows";
}

TEST(Dynamics, PrintsWhatSamplingChangesAndTheRatio) {
  const Outcome& outcome = dynamics();
  const auto samplings = table(outcome.text, {"tokens", "d", "starts", "scores computed"});
  ASSERT_EQ(samplings.size(), 8u);
  std::vector<std::string> dimensions;
  for (const Row& row : samplings) {
    dimensions.push_back(row[1]);
    EXPECT_GT(number(row[3]), 0) << row[0];
    EXPECT_LT(number(row[3]), 100) << row[0];
  }
  EXPECT_EQ(dimensions, (std::vector<std::string>{"2", "3", "4", "8", "16", "2", "2", "2"}));
  for (const char* d : {"2", "8", "16"})
    EXPECT_NE(outcome.text.find(std::string("n = 2000, d = ") + d + ": dense Eigen takes "), std::string::npos);
}

TEST(Sentiment, JudgesHeldOutReviews) {
  const Outcome outcome = run(SENTIMENT_PROGRAM);
  const auto widths = table(outcome.text, {"d", "mean accuracy"});
  ASSERT_EQ(widths.size(), 1u);
  EXPECT_EQ(widths[0][0], "16");
  EXPECT_GE(number(widths[0][1]), 0.74);
  EXPECT_GT(number(widths[0][5]), 0) << "alpha";
  const double leading = number(widths[0][6]);
  EXPECT_TRUE(leading > 0 && leading < 100) << leading;
  EXPECT_GE(table(outcome.text, {"speaks for"}).size(), 5u);
}

}  // namespace
