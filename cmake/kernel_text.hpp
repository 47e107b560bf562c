// For editors only (.clangd): names that kernel text finds in the namespace of its backend.
#pragma once

#include "crest/crest.hpp"

using namespace crest;
using namespace crest::scalar;
