// The note that a dying process has left in its record.
#pragma once

#include <string>

#include "exchange/process_table.hpp"

namespace askr::process {

// Empty: none.
std::string note_of(const exchange::ProcessRecord& record);
// Each line of it as one of the log, indented below the line that told of the death.
void log_note(const exchange::ProcessRecord& record);

}  // namespace askr::process
