// A made-up prompt as long as one likes, whose heads are as peaked as a language model's.
#pragma once

#include "../common/trace.hpp"

namespace prompt {

/// One layer of 4 query heads on 2 KV heads of 64 dimensions; queries at the last positions.
///   key      a topic, which turns from one random vector to the next in 256 keys, noise of its own, and, in four short
///            runs of keys at random places, what a head looks for
///   query    what all heads of the group look for, what its head looks for, two of the runs, and noise of its own
///   value    a mean, and noise
demo::Trace synthetic_prompt(crest::Index keys, crest::Index queries);

}  // namespace prompt
