// Launching kernels on the host, under the names of the official CPU-debug library.
#pragma once

#include "emu/launch.h"
#include "emu/timeline.h"
