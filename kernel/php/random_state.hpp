// Random numbers must differ between processes that were forked from one, and between requests of one that goes back in
// time.
#pragma once

namespace askr::php {

// PHP's own generators seed themselves anew when they are used next.
void reseed_php();
// OpenSSL does so by itself in a forked process, but not in one that goes back to where it was.
void reseed_openssl();

}  // namespace askr::php
