// The model of examples/11_sentiment: its derivatives, its agreement with crest's dynamics, and how it reads words.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "crest/dynamics/dynamics.hpp"
#include "examples/11_sentiment/train.hpp"

namespace {

using namespace sentiment;

const Review review{{3, 1, 4, 1, 5, 0}, true};

Model small_model(int d) {
  Model model = random_model(6, d, 0.7, 11);
  model.words.row(4) *= 5;  // so that others follow it
  model.layers = 3;
  model.bias = 0.2;
  return model;
}

double loss(const Model& model, const Review& r) {
  Gradient unused(model);
  return backward(model, r, 1, unused);
}

/// Central difference of the loss along one parameter.
double slope(Model& model, const Review& r, double& parameter) {
  constexpr double step = 1e-6;
  const double before = parameter;
  parameter = before + step;
  const double up = loss(model, r);
  parameter = before - step;
  const double down = loss(model, r);
  parameter = before;
  return (up - down) / (2 * step);
}

TEST(Gradient, IsTheSlopeOfTheLoss) {
  for (int d : {1, 2, 5})
    for (bool positive : {true, false}) {
      Model model = small_model(d);
      Review r = review;
      r.positive = positive;
      Gradient g(model);
      backward(model, r, 1, g);
      for (Eigen::Index i = 0; i < model.words.size(); ++i)
        EXPECT_NEAR(g.words.data()[i], slope(model, r, model.words.data()[i]), 1e-8);
      for (Eigen::Index i = 0; i < d; ++i) EXPECT_NEAR(g.decoder[i], slope(model, r, model.decoder[i]), 1e-8);
      EXPECT_NEAR(g.bias, slope(model, r, model.bias), 1e-8);
      EXPECT_NEAR(g.log_alpha, slope(model, r, model.log_alpha), 1e-8);
      EXPECT_GT(std::abs(g.log_alpha), 1e-4) << "the layers do something";
    }
}

TEST(Gradient, AddsUpOverABatchAndIsForgotten) {
  const Model model = small_model(3);
  Gradient twice(model), once(model);
  backward(model, review, 0.5, twice), backward(model, review, 0.5, twice), backward(model, review, 1, once);
  EXPECT_LE((twice.words - once.words).norm(), 1e-15);
  EXPECT_NEAR(twice.log_alpha, once.log_alpha, 1e-15);
  twice.clear();
  EXPECT_EQ(twice.words.norm() + twice.decoder.norm() + std::abs(twice.bias) + std::abs(twice.log_alpha), 0);
}

TEST(Forward, IsHardmaxDynamics) {
  const Model model = small_model(4);
  crest::dynamics::Tokens z = model.encode(review.words).cast<float>();
  const crest::dynamics::Rule rule{Eigen::MatrixXf::Identity(4, 4), static_cast<float>(model.alpha())};
  crest::dynamics::Alignment seen;
  const Pass pass = forward(model, review.words);
  for (int layer = 1; layer <= model.layers; ++layer) {
    ASSERT_EQ(step(z, rule, crest::dynamics::hardmax, seen), crest::Status::ok);
    EXPECT_LE((z.cast<double>() - pass.tokens[layer]).norm(), 1e-5 * pass.tokens[layer].norm());
  }
}

TEST(Train, LearnsWordsThatTell) {
  Reviews reviews{{"(none)", "good", "bad", "film"}, {}, {}};
  for (int i = 0; i < 400; ++i) reviews.train.push_back({{3, i % 2 ? 1 : 2, 3}, i % 2 == 1});
  std::vector<double> losses;
  const Model model = train(reviews, {.d = 2, .epochs = 60}, [&](int, double l) { losses.push_back(l); });
  EXPECT_LT(losses.back(), 0.5 * losses.front());
  EXPECT_GT(forward(model, {3, 1, 3}).score, 0);
  EXPECT_LT(forward(model, {3, 2, 3}).score, 0);
}

TEST(Words, AreLowerCaseWithoutMarkup) {
  EXPECT_EQ(split_words("It's GOOD, <br />really\n12!"),
            (std::vector<std::string>{"it's", "good", ",", "really", "12", "!"}));
}

TEST(Reviews, AFifthIsHeldOutAndRareWordsAreLeftOut) {
  std::vector<Line> lines;
  for (int i = 0; i < 50; ++i) lines.push_back({"a b rare" + std::to_string(i), i % 2 == 0});
  const Reviews reviews = split_reviews({lines}, 1);
  EXPECT_FALSE(reviews.kept_apart);
  EXPECT_EQ(reviews.train.size(), 40u);
  EXPECT_EQ(reviews.test.size(), 10u);
  EXPECT_EQ(reviews.vocabulary, (std::vector<std::string>{"(none)", "a", "b"}));
  for (const Review& r : reviews.test) EXPECT_EQ(r.words, (std::vector<int>{1, 2}));
  EXPECT_EQ(split_reviews({{{"once", true}}}, 1).test[0].words, (std::vector<int>{0}));
}

/// A folder of this test's own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "crest_reviews_XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  Folder(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }

 private:
  std::filesystem::path path_;
};

/// As aclImdb unpacks: one review a file, and more files than are reviews.
TEST(Reviews, OfImdbStayInTheirParts) {
  const Folder folder;
  for (int i = 0; i < 6; ++i) {
    folder.write("train/pos/" + std::to_string(i) + "_9.txt", "good film<br /><br />good");
    folder.write("train/neg/" + std::to_string(i) + "_2.txt", "bad film");
    folder.write("train/unsup/" + std::to_string(i) + "_0.txt", "unknown unknown");
  }
  folder.write("train/pos/urls.html", "good");
  for (int i = 0; i < 2; ++i) folder.write("test/pos/" + std::to_string(i) + "_8.txt", "good fresh fresh");
  folder.write("test/neg/0_1.txt", "bad bad film");
  const Reviews reviews = split_reviews(read_corpus(folder.path()), 3);
  EXPECT_TRUE(reviews.kept_apart);
  EXPECT_EQ(reviews.vocabulary, (std::vector<std::string>{"(none)", "bad", "film", "good"}));
  ASSERT_EQ(reviews.train.size(), 12u);
  EXPECT_EQ(std::count_if(reviews.train.begin(), reviews.train.end(), [](const Review& r) { return r.positive; }), 6);
  for (const Review& r : reviews.train)
    EXPECT_EQ(r.words, r.positive ? (std::vector<int>{3, 2, 3}) : (std::vector<int>{1, 2}));
  ASSERT_EQ(reviews.test.size(), 3u);
  for (const Review& r : reviews.test)
    EXPECT_EQ(r.words, r.positive ? (std::vector<int>{3}) : (std::vector<int>{1, 1, 2}));
}

TEST(Reviews, OfOneFolderAreReadLineByLine) {
  const Folder folder;
  folder.write("pos.txt", "good\nfine\n");
  folder.write("neg.txt", "bad\n");
  const Corpus corpus = read_corpus(folder.path());
  EXPECT_EQ(corpus.train.size(), 3u);
  EXPECT_TRUE(corpus.test.empty());
  EXPECT_THROW(read_corpus(folder.path() / "none"), std::runtime_error);
}

}  // namespace
