// Token dynamics under self-attention: everything of this folder.
//
// tokens: [n][d] floats, one token a row, of any unit; scores <a z_i, z_j> are in its square. What a call cannot do it
// answers with a Status (dynamics_*, recipe_*), and no token moves. Sources: arXiv 2407.01602 (hardmax, leaders) and
// arXiv 2509.15958 (localmax); docs/dynamics.md has the equations as they are meant here.
#pragma once

#include "crest/dynamics/hull.hpp"
#include "crest/dynamics/leaders.hpp"
#include "crest/dynamics/run.hpp"
