#include "keeld/port_file.hpp"

#include <cstdio>
#include <fstream>

namespace keel::keeld {

void write_port(const std::string& path, unsigned port) {
  const std::string draft = path + ".new";
  std::ofstream(draft) << port << "\n";
  std::rename(draft.c_str(), path.c_str());
}

}  // namespace keel::keeld
