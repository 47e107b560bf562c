// Training: Adam on batches, with words dropped at random against learning reviews by heart.
#pragma once

#include <functional>

#include "model.hpp"

namespace sentiment {

struct TrainOptions {
  int d = 16, epochs = 12, batch = 64;
  double rate = 0.003;  ///< of Adam
  double drop = 0.3;    ///< share of the words of a review left out, anew each time
  double spread = 0.1;  ///< of the first words
  std::uint64_t seed = 1;
};

/// Called after each epoch with its number and the mean loss.
using OnEpoch = std::function<void(int epoch, double loss)>;

Model train(const Reviews& reviews, const TrainOptions& options, const OnEpoch& on_epoch = {});

}  // namespace sentiment
