// Another thing that rewound requests cannot keep and need not lose: which address a library has found for a function
// of another one. The dynamic linker looks that up at the first call, by name, and notes it in the library's table. A
// worker that goes back in time would look up the same names for each request. So it notes the tables before it goes
// back, and makes them part of its new past.
#pragma once

namespace askr::php {

// Memory for notes that goes back with nobody. Before the first checkpoint.
void prepare_binding_lessons();
// Before going back: what has been found since the checkpoint.
void note_bindings();
// After going back: enters it. False: there was nothing to learn.
bool learn_bindings();

}  // namespace askr::php
