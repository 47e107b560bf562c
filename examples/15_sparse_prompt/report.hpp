// What was found, in words, as a table and as a page.
#pragma once

#include "../common/web_page.hpp"
#include "study.hpp"

namespace prompt {

/// What was studied.
std::string about(const demo::Trace& trace);

/// A line for every share and method.
std::vector<demo::Cells> table(const Study& study);

/// sparse against the best of the others, and the oracles, at a share of 0.15; and where it loses.
std::string finding(const Study& study);
std::string losses(const Study& study);

demo::WebPage page(const demo::Trace& trace, const Study& study);

/// Mean error against the share of keys used, both by logarithm.
std::string figure(const Study& study);

}  // namespace prompt
