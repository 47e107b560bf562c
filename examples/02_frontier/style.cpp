#include "figures.hpp"

namespace frontier {

const char* const figure_style = R"css(
.label{fill:var(--ink)}.mark{stroke:#fff;stroke-width:1.3;stroke-linejoin:round}
.series{fill:none;stroke-width:2;stroke-linejoin:round}
.dots{fill:none;stroke-linecap:round;stroke-width:2.6;stroke-opacity:.5}
.diagonal{stroke:var(--ink);stroke-width:1.4}.factor{stroke:var(--ink);stroke-width:1.1;stroke-dasharray:5 4}
.place{stroke:var(--red);stroke-width:1.6}.bar{fill:#3f6fb8}.bar.exact{fill:#c9ced8}
.cell{stroke:none}text.light{fill:#fff;font-size:11px}text.dark{fill:var(--ink);font-size:11px}
.mark.c1{fill:#0f7f68}.series.c1,.dots.c1{stroke:#0f7f68}.mark.c2{fill:#4aa8dd}.series.c2,.dots.c2{stroke:#4aa8dd}
.mark.c3{fill:#d9780f}.series.c3,.dots.c3{stroke:#d9780f}.mark.c4{fill:#c5352c}.series.c4,.dots.c4{stroke:#c5352c}
.mark.c5{fill:#b05fb4}.series.c5,.dots.c5{stroke:#b05fb4}.mark.c6{fill:#3f4fa8}.series.c6,.dots.c6{stroke:#3f4fa8}
.mark.c7{fill:#8a6d3b}.series.c7,.dots.c7{stroke:#8a6d3b}.mark.c8{fill:#7aa51d}.series.c8,.dots.c8{stroke:#7aa51d}
.mark.c9{fill:#e36aa0}.series.c9,.dots.c9{stroke:#e36aa0}.mark.c10{fill:#98a1b2}.series.c10,.dots.c10{stroke:#98a1b2}
.mark.c11{fill:#1d2433}.series.c11,.dots.c11{stroke:#1d2433}.mark.c0{fill:#caa21b}.series.c0,.dots.c0{stroke:#caa21b}
)css";

}  // namespace frontier
