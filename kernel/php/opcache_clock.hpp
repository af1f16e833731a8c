// opcache's clock. By the time at which PHP began a request opcache decides whether a file is too new to keep its code
// (opcache.file_update_protection), and whether to look for changes again (opcache.revalidate_freq). In a process that
// PHP has booted once that is the time of the boot for ever: whatever was written later, such as compiled templates,
// would be compiled anew by each request, and what changes would never be seen.
#pragma once

namespace askr::php {

// Finds the clock, of which opcache tells nobody: it begins and ends two empty PHP requests at times that nothing else
// has. False: there is none, or more than one place that could be it, and the clock will be left alone. After start-up,
// before any fork.
bool find_opcache_clock();

// Sets the clock to the time of the request. Call where PHP begins a request that it does not know of.
void set_opcache_clock();

}  // namespace askr::php
