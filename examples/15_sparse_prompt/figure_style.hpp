// How the methods look.
#pragma once

namespace prompt {

inline constexpr const char* figure_style = R"css(
.label{fill:var(--ink)}.mark{stroke:#fff;stroke-width:1.3;stroke-linejoin:round}
.series{fill:none;stroke-width:2;stroke-linejoin:round}.series.oracle{stroke-dasharray:6 4}
.mark.m0{fill:#c5352c}.series.m0{stroke:#c5352c;stroke-width:3}.mark.m1{fill:#3f6fb8}.series.m1{stroke:#3f6fb8}
.mark.m2{fill:#0f7f68}.series.m2{stroke:#0f7f68}.mark.m3{fill:#d9780f}.series.m3{stroke:#d9780f}
.mark.m4{fill:#98a1b2}.series.m4{stroke:#98a1b2}.mark.m5{fill:#7d4fa0}.series.m5{stroke:#7d4fa0}
.mark.m6{fill:#1d2433}.series.m6{stroke:#1d2433}
)css";

}  // namespace prompt
