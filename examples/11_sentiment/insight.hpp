// A trained model seen through crest's dynamics: which words lead, and where the words of a review go.
#pragma once

#include "crest/dynamics/dynamics.hpp"
#include "model.hpp"

namespace sentiment {

/// A review's tokens before each layer and behind the last, moved by crest.
struct Path {
  std::vector<crest::dynamics::Tokens> tokens;
  std::vector<crest::Index> leaders;  ///< positions in the review, behind the last layer
  double score = 0;
};
Path follow(const Model& model, const Review& review);

struct Verdict {
  double accuracy = 0;
  double agreement = 0;  ///< share of reviews that crest in float and the model in double judge alike
  double leaders = 0;    ///< share of words that lead behind the last layer
};
Verdict judge(const Model& model, const std::vector<Review>& reviews);

struct LeaderWord {
  std::string word;
  int led = 0, reviews = 0;  ///< reviews in which it leads, and in which it stands
  double judgement = 0;      ///< of a review that is this word alone

  double share() const { return static_cast<double>(led) / reviews; }
};
/// The words that stand in at least ten held-out reviews, those first that lead in the largest share of them.
std::vector<LeaderWord> leader_words(const Model& model, const Reviews& reviews);

}  // namespace sentiment
