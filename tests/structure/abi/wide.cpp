#include "units.hpp"

namespace wide {
#include "unit.inl"
}  // namespace wide
