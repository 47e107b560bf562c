#include "attend.hpp"

namespace plugin {

template <class T>
crest::Report Attend::run(const std::vector<crest::Problem<T>>& problems) const {
  if (guided) return crest::attention(problems, crest::guided.with(*guided), team, backend);
  if (sparse) return crest::attention(problems, crest::sparse.with(*sparse), team, backend);
  return crest::attention(problems, crest::exact, team, backend);
}

template crest::Report Attend::run(const std::vector<crest::Problem<CREST_LLAMA_ELEMENT>>&) const;

}  // namespace plugin
