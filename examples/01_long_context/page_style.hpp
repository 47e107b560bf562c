// The looks of the report, beside what all pages share.
#pragma once

namespace demo {

inline constexpr const char* style = R"css(
:root{--sampled:#6f9fd8;--refined:#e8913a;--kept:#0f7f68;--missed:#c5352c}
h3{font-size:17px;font-weight:600;margin:34px 0 2px}h3::first-letter{text-transform:uppercase}
.lead{font-size:18px}.soft{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:12px;margin:26px 0 8px;padding:0;list-style:none}
.facts li{background:#fff;border:1px solid var(--line);border-radius:10px;padding:10px 18px;min-width:120px}
.facts b{display:block;font-size:22px;font-weight:600;line-height:1.25}.facts span{color:var(--soft);font-size:13.5px}
.key{display:flex;flex-wrap:wrap;gap:6px 24px;margin:12px 0 4px;font-size:15px}
.key i{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:8px}
.label{fill:var(--ink)}
.kept-label{fill:var(--kept);font-weight:600}.band{fill:#e3e6ec}
.mark{stroke-width:1.5;stroke:#fff;stroke-linejoin:round}.series{fill:none;stroke-width:2;stroke-linejoin:round}
.mark.s-guided{fill:#0f7f68}.mark.s-halves{fill:#4aa8dd}.mark.s-target{fill:#1d2433}.mark.s-clustered{fill:#3f4fa8}
.mark.s-top{fill:#d9780f}.mark.s-oracle{fill:#e8c39a}.mark.s-blocks{fill:#b05fb4}.mark.s-recent{fill:#98a1b2}.mark.s-stored{fill:#c5352c}
.series.s-guided{stroke:#0f7f68;stroke-width:2.8}.series.s-halves{stroke:#4aa8dd}.series.s-clustered{stroke:#3f4fa8}
.series.s-top{stroke:#d9780f}.series.s-oracle{stroke:#e8c39a}.series.s-blocks{stroke:#b05fb4}.series.s-recent{stroke:#98a1b2}
.d-guided,.d-halves,.d-target{fill:none;stroke-linecap:round;stroke-width:2.8;stroke-opacity:.5}.legend-dot{stroke-width:9;stroke-opacity:1}
.d-guided{stroke:#0f7f68}.d-halves{stroke:#4aa8dd}.d-target{stroke:#1d2433}
.diagonal{stroke:var(--ink);stroke-width:1.4}.factor{stroke:var(--ink);stroke-width:1.1;stroke-dasharray:5 4}
.sampled,.refined,.kept{fill:none;stroke-linecap:round;stroke-width:2.6}
.sampled{stroke:var(--sampled)}.refined{stroke:var(--refined)}.kept{stroke:var(--kept);stroke-width:3.4}
.missed{fill:none;stroke:var(--missed);stroke-width:1.6}
.mass,.mass-kept{fill:none;stroke:#9aa2b1;stroke-width:1.8;stroke-linejoin:round}.mass-kept{stroke:var(--kept)}
th:first-child,td:first-child{padding-left:2px}th.budget{text-align:center}
tr.exact td{background:#f1f8f5;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;font-size:14.5px;max-width:900px}dt{font-weight:600}dd{margin:0;color:var(--soft)}
)css";

/// What the colours in the portraits mean.
inline constexpr const char* key =
    R"html(<div class="key"><span><i style="background:#e3e6ec"></i>all scores (never all looked at)</span>
<span><i style="background:var(--sampled)"></i>sampled</span><span><i style="background:var(--refined)"></i>refined</span>
<span><i style="background:var(--kept)"></i>kept</span>
<span><i style="border:2px solid var(--missed)"></i>heaviest keys left out</span></div>
)html";

}  // namespace demo
