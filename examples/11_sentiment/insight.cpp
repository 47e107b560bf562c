#include "insight.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace sentiment {
namespace {

using crest::Index;
namespace dyn = crest::dynamics;

void must_be_ok(crest::Status status) {
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

}  // namespace

Path follow(const Model& model, const Review& review) {
  const auto d = model.words.cols();
  const dyn::Rule rule{Eigen::MatrixXf::Identity(d, d), static_cast<float>(model.alpha())};
  Path path;
  dyn::Tokens z = model.encode(review.words).cast<float>();
  dyn::Alignment seen;
  path.tokens.push_back(z);
  for (int layer = 0; layer < model.layers; ++layer) {
    must_be_ok(dyn::step(z, rule, dyn::hardmax, seen));
    path.tokens.push_back(z);
  }
  must_be_ok(dyn::leaders(z, rule, dyn::hardmax, path.leaders));
  path.score = model.judge(z.cast<double>());
  return path;
}

Verdict judge(const Model& model, const std::vector<Review>& reviews) {
  int right = 0, alike = 0;
  double leaders = 0, words = 0;
  for (const Review& review : reviews) {
    const Path path = follow(model, review);
    const bool positive = path.score > 0;
    leaders += static_cast<double>(path.leaders.size());
    words += static_cast<double>(review.words.size());
    right += positive == review.positive;
    alike += positive == (forward(model, review.words).score > 0);
  }
  const auto n = static_cast<double>(reviews.size());
  return {right / n, alike / n, leaders / words};
}

std::vector<LeaderWord> leader_words(const Model& model, const Reviews& reviews) {
  std::vector<LeaderWord> words(reviews.vocabulary.size());
  for (const Review& review : reviews.test) {
    std::set<int> leading;
    for (Index at : follow(model, review).leaders) leading.insert(review.words[at]);
    for (int word : leading) ++words[word].led;
    for (int word : std::set<int>(review.words.begin(), review.words.end())) ++words[word].reviews;
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i].word = reviews.vocabulary[i];
    words[i].judgement = model.judge(model.words.row(static_cast<Index>(i)));
  }
  std::erase_if(words, [](const LeaderWord& w) { return w.reviews < 10; });
  std::stable_sort(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.share() > b.share(); });
  return words;
}

}  // namespace sentiment
