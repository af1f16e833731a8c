// Lines at the end of a file that several processes append to.
#pragma once

#include <cstddef>
#include <string_view>

namespace askr {

// Writes as many whole lines of `lines` as there is room for, and says how many bytes that were: all, as a rule. On a
// full disk, and at the limit on the size of files, a plain write() takes a part of a line, and the next line of
// another process goes right behind it; this never writes a part. (On a file system that cannot reserve room it may
// still.)
//
// `file` is a regular one, opened with O_APPEND; `lines` end with a newline. Waits for nobody.
size_t append_lines(int file, std::string_view lines);

}  // namespace askr
