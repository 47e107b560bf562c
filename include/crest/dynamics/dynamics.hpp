// Token dynamics under self-attention: everything of this folder.
#pragma once

#include "crest/dynamics/hull.hpp"
#include "crest/dynamics/leaders.hpp"
#include "crest/dynamics/run.hpp"
