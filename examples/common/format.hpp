// Numbers and words for tables and pages.
#pragma once

#include <string>
#include <string_view>

namespace demo {

/// "3.14"
std::string fixed(double x, int digits);
/// Three significant digits: "41.2 %", "8.06 %", "100 %".
std::string percent(double share);
/// Relative errors span ten decades: "3.1e-07" when tiny but not 0, else percent.
std::string relative_error(double error);
/// Safe inside HTML text and quoted attributes.
std::string escape(std::string_view text);

}  // namespace demo
