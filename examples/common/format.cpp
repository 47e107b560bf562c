#include "format.hpp"

#include <cmath>
#include <cstdio>

namespace demo {
namespace {

std::string print(const char* format, int digits, double x) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, digits, x);
  return buffer;
}

}  // namespace

std::string fixed(double x, int digits) { return print("%.*f", digits, x); }

std::string percent(double share) {
  const double p = 100 * share;
  const int digits = p == 0 || std::abs(p) >= 99.95 ? 0 : std::abs(p) >= 9.995 ? 1 : 2;
  return fixed(p, digits) + " %";
}

std::string relative_error(double error) {
  return error > 0 && error < 1e-4 ? print("%.*e", 1, error) : percent(error);
}

std::string escape(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '&')
      safe += "&amp;";
    else if (c == '"')
      safe += "&quot;";
    else
      safe += c;
  }
  return safe;
}

}  // namespace demo
