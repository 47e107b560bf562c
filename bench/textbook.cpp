#define CREST_USER_KERNELS "textbook.inl"
#include "textbook.hpp"

namespace bench {

template <class T>
void textbook_row(const crest::Problem<T>& problem, Index head, float* scores, crest::Backend backend) {
  crest::dispatch(backend, [&](auto region) { textbook_row(region, problem, head, scores); });
}

template void textbook_row(const crest::Problem<float>&, Index, float*, crest::Backend);
template void textbook_row(const crest::Problem<f16>&, Index, float*, crest::Backend);
template void textbook_row(const crest::Problem<bf16>&, Index, float*, crest::Backend);

}  // namespace bench
