#include "units.hpp"

namespace baseline {
#include "unit.inl"
}  // namespace baseline
