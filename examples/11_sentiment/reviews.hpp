// Reviews as lists of word numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sentiment {

struct Review {
  std::vector<int> words;  ///< never empty
  bool positive = false;
};

struct Reviews {
  std::vector<std::string> vocabulary;  ///< word 0 stands for a review without a known word
  std::vector<Review> train, test;
  bool kept_apart = false;  ///< the folder said which are which
};

struct Line {
  std::string text;
  bool positive;
};

/// Reviews as they lie in a folder; `test` is empty where none are kept apart.
struct Corpus {
  std::vector<Line> train, test{};
};

/// The reviews in `folder`: pos.txt and neg.txt with one a line, or IMDb's layout, {train,test}/{pos,neg}/*.txt with
/// one a file. Throws std::runtime_error when there are none.
Corpus read_corpus(const std::filesystem::path& folder);

/// Lower-case words; punctuation marks are words, markup is none.
std::vector<std::string> split_words(std::string_view text);

/// Holds out the reviews kept apart, or else a random fifth, and numbers the words that occur twice in the rest. Others
/// are left out, and so is what follows the first 128 words.
Reviews split_reviews(Corpus corpus, std::uint64_t seed);

}  // namespace sentiment
