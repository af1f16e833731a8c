#include "process/last_words.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace askr::process {

std::string note_of(const exchange::ProcessRecord& record) {
  return {record.note, std::min<size_t>(record.note_size.load(std::memory_order_acquire), exchange::kNoteSize)};
}

void log_note(const exchange::ProcessRecord& record) {
  const std::string words = note_of(record);
  std::string_view note = words;
  while (!note.empty()) {
    const size_t end = std::min(note.find('\n'), note.size());
    if (end > 0) log::error("  {}", note.substr(0, end));
    note.remove_prefix(std::min(end + 1, note.size()));
  }
}

}  // namespace askr::process
