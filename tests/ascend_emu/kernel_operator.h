// A host emulation of the part of Ascend C that crest's kernels use, under the official header name: the kernels and
// their tests build against this folder or against CANN's CPU-debug library, by include path alone.
//
// What it adds to a plain functional model: every access is checked (emu/violation.h lists the checks), every
// instruction is counted per pipe, and a simple overlap model draws a timeline. Counts and ticks are not cycles.
#pragma once

#define ASCEND_EMU 1

#include "emu/copy.h"
#include "emu/flags.h"
#include "emu/queue.h"
#include "emu/reduce.h"
#include "emu/select.h"
#include "emu/tensor.h"
#include "emu/vector.h"
