// -ffast-math breaks the handling of NaN and infinity, so the library refuses it.
#include "crest/crest.hpp"
