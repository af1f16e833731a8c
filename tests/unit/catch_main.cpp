// The main function of every unit test executable. Debian's libCatch2WithMain is built as C++14 and lacks the printing
// of std::string_view, so it is compiled here.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
