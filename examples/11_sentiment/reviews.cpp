#include "reviews.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>

namespace sentiment {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_words = 128;

std::string read_all(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void add_lines(const fs::path& file, bool positive, std::vector<Line>& lines) {
  std::ifstream in(file);
  for (std::string text; std::getline(in, text);) lines.push_back({text, positive});
}

void add_files(const fs::path& folder, bool positive, std::vector<Line>& lines) {
  if (!fs::is_directory(folder)) return;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // the order on disk differs from machine to machine
  for (const fs::path& file : files) lines.push_back({read_all(file), positive});
}

using Numbers = std::map<std::string, int>;

/// Numbers the words that occur at least twice.
Numbers number_words(const std::vector<Line>& lines, std::vector<std::string>& vocabulary) {
  Numbers occurrences, numbers;
  for (const Line& line : lines)
    for (const std::string& word : split_words(line.text)) ++occurrences[word];
  vocabulary = {"(none)"};
  for (const auto& [word, times] : occurrences) {
    if (times < 2) continue;
    numbers[word] = static_cast<int>(vocabulary.size());
    vocabulary.push_back(word);
  }
  return numbers;
}

Review numbered(const Line& line, const Numbers& numbers) {
  Review review{{}, line.positive};
  for (const std::string& word : split_words(line.text)) {
    const auto known = numbers.find(word);
    if (known != numbers.end() && review.words.size() < most_words) review.words.push_back(known->second);
  }
  if (review.words.empty()) review.words.push_back(0);
  return review;
}

}  // namespace

Corpus read_corpus(const fs::path& folder) {
  Corpus corpus;
  for (const bool positive : {false, true}) {
    const std::string name = positive ? "pos" : "neg";
    add_lines(folder / (name + ".txt"), positive, corpus.train);
    add_files(folder / "train" / name, positive, corpus.train);
    add_files(folder / "test" / name, positive, corpus.test);
  }
  if (corpus.train.empty()) throw std::runtime_error("no pos.txt, neg.txt or train in " + folder.string());
  return corpus;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t end = c == '<' ? text.find('>', i) : std::string_view::npos;
    const bool letter = std::isalnum(c) || c == '\'' || c >= 128;
    if (end != std::string_view::npos)
      i = end;
    else if (letter && in_word)
      words.back() += static_cast<char>(std::tolower(c));
    else if (!std::isspace(c))
      words.emplace_back(1, static_cast<char>(std::tolower(c)));
    in_word = letter;
  }
  return words;
}

Reviews split_reviews(Corpus corpus, std::uint64_t seed) {
  std::vector<Line>&train = corpus.train, &test = corpus.test;
  Reviews reviews{.vocabulary = {}, .train = {}, .test = {}, .kept_apart = !test.empty()};
  std::mt19937_64 random(seed);
  for (std::size_t i = train.size(); i > 1; --i) std::swap(train[i - 1], train[random() % i]);
  if (test.empty()) {
    const auto rest = train.begin() + static_cast<std::ptrdiff_t>(train.size() * 4 / 5);
    test.assign(rest, train.end());
    train.erase(rest, train.end());
  }
  const Numbers numbers = number_words(train, reviews.vocabulary);
  for (const Line& line : train) reviews.train.push_back(numbered(line, numbers));
  for (const Line& line : test) reviews.test.push_back(numbered(line, numbers));
  return reviews;
}

}  // namespace sentiment
