// A descriptor that one process puts there and its children take copies of, whenever they get to it and without asking.
//
// It is for a file that only the master may open, such as a new log after a rotation: a child that runs as another user
// could not, and one that runs a script cannot be reached. The descriptor lies in the buffer of a socket, as a message
// that everybody peeks at and nobody takes out, so it costs nothing until it is looked at. (A socket for each child
// would have to be emptied by it, however long it sleeps; a path in /proc needs the rights of the file.)
//
// A child that takes the message out keeps it from the others, which then go on with what they have.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr {

class DescriptorShelf {
 public:
  static Result<DescriptorShelf> create();
  // In place of what was there. Only for the process that has made the shelf.
  Result<> put(int descriptor);
  // None: nothing is there, or the next one is just being put there.
  [[nodiscard]] UniqueFd copy() const;
  // In a child: from here on it can only take.
  void lock() { in_.reset(); }

 private:
  UniqueFd in_, out_;
};

}  // namespace askr
