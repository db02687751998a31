#pragma once
// Tells whoever waits for it which port was chosen.

#include <string>

namespace keel::keeld {

// Whole or not at all: somebody may be waiting for the file to appear.
void write_port(const std::string& path, unsigned port);

}  // namespace keel::keeld
