# Warnings for a target of this project; never part of crest::crest.
function(crest_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra)
endfunction()
