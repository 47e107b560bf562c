// The numbers of the demo as rows of text, for the terminal and for the page.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace demo {

struct Column {
  std::string group, head;  ///< the two lines of its heading
  std::string meaning;

  std::string name() const { return group.empty() ? head : group + " " + head; }
};

/// The columns of every table; the first is the recipe's name.
const std::vector<Column>& columns();

/// Share of the read limit if every key and value counts once per KV head.
double dense_share(const LayerResult& layer, const Measured& row);

/// The cells of one recipe of a layer, one per column.
std::vector<std::string> cells(const LayerResult& layer, const Measured& row);

/// One sentence that introduces the table of a layer.
std::string heading(const Trace& trace, const LayerResult& layer);

/// The table of a layer as aligned text.
std::string text_table(const LayerResult& layer);

/// The lines of a contest, the first two their headings: one for each contender, and in it for each budget the bytes it
/// read, its mean error and the 95th percentile.
std::vector<std::vector<std::string>> contest_lines(const Contest& contest);
std::string contest_table(const LayerResult& layer);

}  // namespace demo
