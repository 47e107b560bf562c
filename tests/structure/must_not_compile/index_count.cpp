// A view takes exactly as many indices as it has axes.
#include "crest/core/view.hpp"

#if defined(BROKEN)
float first(crest::TensorView<const float, 3> view) { return view(0, 0); }
#else
float first(crest::TensorView<const float, 3> view) { return view(0, 0, 0); }
#endif
