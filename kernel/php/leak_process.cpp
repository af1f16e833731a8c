#include <unistd.h>

#include <climits>
#include <clocale>
#include <functional>

#include "php/leak_sources.hpp"
#include "php/open_files.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

void add(Snapshot& snapshot, StateKind kind, std::string name, ValueNode value) {
  Slot slot;
  slot.kind = kind;
  slot.key = fmt::format("process {} {}", static_cast<int>(kind), name);
  slot.name = std::move(name);
  slot.value.push_back(std::move(value));
  snapshot.add(std::move(slot));
}

void note_locale(Snapshot& snapshot) {
  struct Category {
    int number;
    const char* name;
  };
  constexpr Category kCategories[] = {{LC_COLLATE, "LC_COLLATE"},   {LC_CTYPE, "LC_CTYPE"},
                                      {LC_MESSAGES, "LC_MESSAGES"}, {LC_MONETARY, "LC_MONETARY"},
                                      {LC_NUMERIC, "LC_NUMERIC"},   {LC_TIME, "LC_TIME"}};
  for (const Category& category : kCategories) {
    const char* current = ::setlocale(category.number, nullptr);
    add(snapshot, StateKind::locale, category.name, {.shown = current != nullptr ? current : "?"});
  }
}

// Values can be secrets: only their length is shown.
void note_environment(Snapshot& snapshot) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view value = text.substr(equals + 1);
    add(snapshot, StateKind::environment_variable, std::string(text.substr(0, equals)),
        {.identity = std::hash<std::string_view>{}(value),
         .amount = static_cast<int64_t>(value.size()),
         .shown = fmt::format("string of {}", value.size())});
  }
}

void note_directory(Snapshot& snapshot) {
  char path[PATH_MAX];
  const char* current = ::getcwd(path, sizeof path);
  add(snapshot, StateKind::working_directory, "", {.shown = current != nullptr ? current : "a removed folder"});
}

// Counted by name: which number a descriptor has says nothing.
void note_open_files(Snapshot& snapshot) {
  std::map<std::string, int64_t> counts;
  for (const auto& [fd, target] : open_files()) ++counts[describe_open_file(fd, target)];
  for (const auto& [name, count] : counts) {
    add(snapshot, StateKind::open_file, name,
        {.amount = count, .shown = fmt::format("{} descriptor{}", count, count == 1 ? "" : "s")});
  }
}

}  // namespace

void note_process(Snapshot& snapshot) {
  note_locale(snapshot);
  note_environment(snapshot);
  note_directory(snapshot);
  note_open_files(snapshot);
}

}  // namespace askr::php
