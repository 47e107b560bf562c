// The kernels' entry points, defined in kernels.cpp.
#pragma once

#include "kernel_operator.h"

extern "C" {
void crest_exact(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR pages, GM_ADDR items, GM_ADDR records, GM_ADDR info,
                 GM_ADDR tiling);
void crest_clustered(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR samples, GM_ADDR pages, GM_ADDR items, GM_ADDR records,
                     GM_ADDR info, GM_ADDR tiling);
void crest_clustered_mix(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR samples, GM_ADDR pages, GM_ADDR items,
                         GM_ADDR records, GM_ADDR info, GM_ADDR slots, GM_ADDR tiling);
void crest_sketched(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR sketch, GM_ADDR pages, GM_ADDR items, GM_ADDR records,
                    GM_ADDR info, GM_ADDR tiling);
void crest_merge(GM_ADDR records, GM_ADDR groups, GM_ADDR results, GM_ADDR tiling);
}
