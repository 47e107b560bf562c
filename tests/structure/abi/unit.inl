// The same text in both translation units, each compiled with its own flags.
crest::Report attend(const crest::Problem<float>& problem, const char* backend) {
  return crest::attention(problem, crest::exact, crest::this_thread_serial(), crest::Backend::named(backend));
}

crest::Index elements(crest::TensorView<const float, 3> view) {
  return view.extent(0) * view.extent(1) * view.extent(2);
}
