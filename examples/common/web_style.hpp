// What the pages of all examples look like. A page adds rules of its own behind it.
#pragma once

namespace demo {

inline constexpr const char* base_style = R"css(
:root{--ink:#1d2433;--soft:#616b7e;--grid:#e9ebf0;--line:#dfe2e8}
*{box-sizing:border-box}
body{margin:0;background:#fafaf7;color:var(--ink);font:16px/1.55 "Source Sans 3","Source Sans Pro",Inter,"Segoe UI",system-ui,sans-serif}
main{max-width:1200px;margin:0 auto;padding:56px 20px 72px}
h1,h2{font-family:"Source Serif 4","Source Serif Pro",Charter,Georgia,serif;font-weight:600;line-height:1.2;letter-spacing:-.01em}
h1{font-size:38px;margin:0 0 10px}h2{font-size:25px;margin:56px 0 6px}
p{max-width:860px;margin:8px 0 14px}
figure{margin:14px 0 0;background:#fff;border:1px solid var(--line);border-radius:12px;padding:18px 18px 8px}
figcaption{font-size:15px;margin:0 0 8px}svg{display:block;width:100%;height:auto}
text{font-size:13px;fill:var(--soft);font-family:inherit}.axis{fill:var(--ink);font-weight:600}.grid{stroke:var(--grid)}
.wide{overflow-x:auto;background:#fff;border:1px solid var(--line);border-radius:12px;margin:10px 0 0;padding:6px 14px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:8px 6px;white-space:nowrap}th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:600;border-bottom:1px solid var(--line);vertical-align:bottom}
tr+tr td{border-top:1px solid var(--grid)}
)css";

}  // namespace demo
