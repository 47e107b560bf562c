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
};

struct Line {
  std::string text;
  bool positive;
};

/// The reviews in `folder`: pos.txt and neg.txt with one a line, or IMDb's layout, {train,test}/{pos,neg}/*.txt with
/// one a file. Throws std::runtime_error when there are none.
std::vector<Line> read_lines(const std::filesystem::path& folder);

/// Lower-case words; punctuation marks are words, markup is none.
std::vector<std::string> split_words(std::string_view text);

/// Shuffles, holds out a fifth, and numbers the words that occur twice in the rest. Others are left out, and so is what
/// follows the first 128 words.
Reviews split_reviews(std::vector<Line> lines, std::uint64_t seed);

}  // namespace sentiment
