#include "attend.hpp"

namespace plugin {

template <class T>
crest::Report Attend::run(const std::vector<crest::Problem<T>>& problems) const {
  return guided ? crest::attention(problems, crest::guided.with(*guided), team, backend)
                : crest::attention(problems, crest::exact, team, backend);
}

template crest::Report Attend::run(const std::vector<crest::Problem<CREST_LLAMA_ELEMENT>>&) const;

}  // namespace plugin
