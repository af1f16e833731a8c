// What rewound requests cannot keep and need not lose: compiled regular expressions. A worker that goes back in time
// would compile those that its boot did not need again for each request. So it notes them before it goes back, compiles
// them once it is back, and makes that its new past. An expression and its compiled form are the same for all requests.
#pragma once

namespace askr::php {

// Memory for notes that goes back with nobody. Before the first checkpoint.
void prepare_regex_lessons();
// Before going back: which expressions have come since the checkpoint.
void note_regexes();
// After going back: compiles them. False: there was nothing to learn.
bool learn_regexes();

}  // namespace askr::php
