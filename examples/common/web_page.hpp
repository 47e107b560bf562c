// A page of text, tables and figures in one self-contained HTML file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace demo {

using Cells = std::vector<std::string>;

class WebPage {
 public:
  /// `css`: rules for the classes of the page's figures.
  WebPage(std::string_view title, std::string_view css);

  void heading(std::string_view words);
  void paragraph(std::string_view words);
  /// An SVG and what it shows.
  void figure(std::string_view svg, std::string_view caption);
  /// The first of `lines` is the head.
  void table(const std::vector<Cells>& lines);

  std::string str() const { return html_ + "</main></body></html>\n"; }
  /// Throws std::runtime_error when `file` cannot be written.
  void write(const std::string& file) const;

 private:
  std::string html_;
};

/// The same table for a terminal, columns lined up.
std::string text_table(const std::vector<Cells>& lines);

}  // namespace demo
