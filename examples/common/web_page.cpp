#include "web_page.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "format.hpp"
#include "web_style.hpp"

namespace demo {
namespace {

/// Beside the base.
constexpr const char* style = R"css(
:root{--blue:#3f6fb8;--orange:#d9780f;--green:#0f7f68;--red:#c5352c}
main{max-width:1120px}h1{font-size:36px}h2{font-size:24px;margin:52px 0 6px}
p{max-width:820px}figure{padding:18px}figcaption{color:var(--soft);margin:10px 0 0;max-width:860px}
.wide{margin:14px 0 0}table{font-size:14.5px}th,td{padding:7px 9px}th{white-space:normal}
)css";

/// Escaped; numbers stay with their per cent.
std::string prose(std::string_view words) {
  std::string s = escape(words);
  for (std::size_t at = 0; (at = s.find(" %", at)) != std::string::npos;) s.replace(at, 1, "&nbsp;");
  return s;
}

}  // namespace

WebPage::WebPage(std::string_view title, std::string_view css) {
  html_ =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>crest: " +
      escape(title) + "</title>\n<style>" + base_style + style + std::string(css) +
      "</style></head>\n<body><main>\n<h1>" + escape(title) + "</h1>\n";
}

void WebPage::heading(std::string_view words) { html_ += "<h2>" + escape(words) + "</h2>\n"; }

void WebPage::paragraph(std::string_view words) { html_ += "<p>" + prose(words) + "</p>\n"; }

void WebPage::figure(std::string_view svg, std::string_view caption) {
  html_ += "<figure>" + std::string(svg) + "<figcaption>" + prose(caption) + "</figcaption></figure>\n";
}

void WebPage::table(const std::vector<Cells>& lines) {
  html_ += "<div class=\"wide\"><table>\n";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string tag = i == 0 ? "th" : "td";
    html_ += "<tr>";
    for (const std::string& cell : lines[i]) html_ += "<" + tag + ">" + escape(cell) + "</" + tag + ">";
    html_ += "</tr>\n";
  }
  html_ += "</table></div>\n";
}

void WebPage::write(const std::string& file) const {
  std::ofstream out(file);
  if (!(out << str()).flush()) throw std::runtime_error("cannot write " + file);
}

std::string text_table(const std::vector<Cells>& lines) {
  std::vector<std::size_t> width;
  for (const Cells& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) {
      width.resize(std::max(width.size(), i + 1));
      width[i] = std::max(width[i], line[i].size());
    }
  std::ostringstream s;
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string blanks(width[i] - line[i].size(), ' ');
      s << (i == 0 ? line[i] + blanks : "  " + blanks + line[i]);
    }
    s << '\n';
  }
  return s.str();
}

}  // namespace demo
