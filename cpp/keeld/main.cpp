#include "keeld/mock_command.hpp"
#include "keeld/serve_command.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace {

constexpr const char* kUsage = R"(usage: keeld COMMAND [options]
  serve       the gateway: keeld serve CONFIG; keeld serve --help
  mock        a fake provider for tests and rehearsals; keeld mock --help
  --version   print the version
  --help      print this
)";

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string command = args.empty() ? "" : args[0];
  if (command == "serve") return keel::keeld::serve_command({args.begin() + 1, args.end()});
  if (command == "mock") return keel::keeld::mock_command({args.begin() + 1, args.end()});
  if (command == "--version") {
    std::printf("keeld %s\n", KEELD_VERSION);
    return 0;
  }
  if (command == "--help" || command == "-h") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (command.empty()) {
    std::fputs(kUsage, stderr);
  } else {
    std::fprintf(stderr, "keeld: unknown command '%s'; wanted serve, mock, --version or --help\n",
                 command.c_str());
  }
  return 2;
}
