// Nothing but the headers that CMake adds: those of all tests, read once.
