// Which classes of libraries the pieces of a project load, learnt from the first pieces of a run: the warm process
// loads them before it forks, so that each piece finds them linked.
//
// Only classes below vendor, and only those that most pieces need: what the project itself does when a class is loaded,
// or tests about its absence, stays theirs.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace askr::testing {

class Lessons {
 public:
  static constexpr unsigned kPieces = 16;  // to learn from

  explicit Lessons(std::string file);

  [[nodiscard]] const std::vector<std::string>& classes() const { return classes_; }
  // Shall the next piece tell?
  [[nodiscard]] bool wanted() const { return !known_ && heard_ < kPieces; }
  void add(const std::vector<std::string>& classes);
  // What could not be written is learnt again.
  void save() const;

 private:
  std::string file_;
  bool known_ = false;
  unsigned heard_ = 0;
  std::vector<std::string> classes_, order_;
  std::map<std::string, unsigned> seen_;
};

}  // namespace askr::testing
