#include "keeld/serve_command.hpp"

#include "keeld/port_file.hpp"
#include "relay/log.hpp"
#include "server/gateway.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace keel::keeld {

namespace {

constexpr const char* kUsage = R"(usage: keeld serve CONFIG [options]
An OpenAI-compatible gateway over the configuration's providers.

  --listen HOST:PORT     instead of the file's server.listen (127.0.0.1:3000); port 0: a free one
  --port-file FILE       write the port there when ready
  --check                only say what is wrong with the configuration; 1 if anything is
  --log-level LEVEL      debug, info, warning, error or off, instead of the file's
  --resolve HOST:PORT:ADDR:PORT   send what goes to HOST:PORT to ADDR:PORT (repeatable)
  --ca-file FILE         trust these certificates (PEM) instead of the system's
  --plugins DIR          where the built-in policies are (repeatable)

SIGTERM, SIGINT: finish what is under way, for server.drain at most; again: end at once.
SIGHUP: read the configuration and its secrets again; a bad file changes nothing.
)";

struct Arguments {
  std::string config, listen, port_file, log_level, ca_file;
  std::vector<std::string> resolve, plugins;
  bool check = false;
  bool help = false;
};

int complain(const std::string& what) {
  std::fprintf(stderr, "keeld serve: %s\n", what.c_str());
  return 2;
}

std::optional<std::string> read_arguments(const std::vector<std::string>& args, Arguments& out) {
  const std::pair<const char*, std::string*> single[] = {{"--listen", &out.listen},
                                                         {"--port-file", &out.port_file},
                                                         {"--log-level", &out.log_level},
                                                         {"--ca-file", &out.ca_file}};
  const std::pair<const char*, std::vector<std::string>*> repeated[] = {
      {"--resolve", &out.resolve}, {"--plugins", &out.plugins}};
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "--help" || arg == "-h") {
      out.help = true;
      return std::nullopt;
    }
    if (arg == "--check") {
      out.check = true;
      continue;
    }
    if (!arg.starts_with("--")) {
      if (!out.config.empty()) return "one configuration is enough, found " + arg + " too";
      out.config = arg;
      continue;
    }
    std::string* value = nullptr;
    for (const auto& [name, field] : single)
      if (arg == name) value = field;
    for (const auto& [name, list] : repeated)
      if (arg == name) value = &list->emplace_back();
    if (!value) return "unknown option " + arg + "; try keeld serve --help";
    if (i + 1 == args.size()) return arg + " wants a value";
    *value = args[++i];
  }
  if (out.config.empty()) return "wanted a configuration; try keeld serve --help";
  return std::nullopt;
}

std::optional<relay::LogLevel> level_named(const std::string& name) {
  using enum relay::LogLevel;
  for (relay::LogLevel level : {debug, info, warning, error, off})
    if (relay::name_of(level) == name) return level;
  return std::nullopt;
}

// Beside this program, as it is built, unpacked or installed with the Python package.
std::vector<std::string> plugin_directories() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<fs::path> places{here / "../keel/plugins", here / "../../plugins"};
  for (fs::directory_iterator entry(here / "../lib", error), end; !error && entry != end;
       entry.increment(error))
    places.push_back(entry->path() / "site-packages/keel/plugins");
  std::vector<std::string> found;
  for (const fs::path& place : places) {
    std::error_code missing;
    const fs::path whole = fs::canonical(place, missing);
    if (!missing && fs::exists(whole / "ordered.so", missing)) found.push_back(whole.string());
  }
  return found;
}

Result<server::GatewayOptions> options_of(const Arguments& args) {
  server::GatewayOptions options;
  options.generation.config_path = args.config;
  options.generation.ca_file = args.ca_file;
  options.generation.resolve = args.resolve;
  options.generation.plugin_directories =
      args.plugins.empty() ? plugin_directories() : args.plugins;
  if (!args.listen.empty()) {
    auto address = relay::parse_listen(args.listen);
    if (!address) return Error{"bad_option", "--listen", address.error().message};
    options.listen = *address;
  }
  if (!args.log_level.empty()) {
    options.log_level = level_named(args.log_level);
    if (!options.log_level)
      return Error{"bad_option", "--log-level",
                   "wanted debug, info, warning, error or off, found " + args.log_level};
  }
  return options;
}

int check(const server::GatewayOptions& options) {
  io::Loop loop;
  server::Opened opened = server::Generation::open(loop, options.generation);
  for (const std::string& problem : opened.problems) std::fprintf(stderr, "%s\n", problem.c_str());
  if (!opened.generation) return 1;
  for (const std::string& note : opened.notes)
    std::printf("%s: note: %s\n", options.generation.config_path.c_str(), note.c_str());
  std::printf("%s: ok\n", options.generation.config_path.c_str());
  return 0;
}

}  // namespace

int serve_command(const std::vector<std::string>& args) {
  Arguments arguments;
  if (auto problem = read_arguments(args, arguments)) return complain(*problem);
  if (arguments.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  auto options = options_of(arguments);
  if (!options) return complain(options.error().text());
  std::signal(SIGPIPE, SIG_IGN);
  if (arguments.check) return check(*options);
  server::Gateway gateway(std::move(*options));
  const std::vector<std::string> problems = gateway.start();
  for (const std::string& problem : problems) complain(problem);
  if (!problems.empty()) return 1;
  if (!arguments.port_file.empty()) write_port(arguments.port_file, gateway.port());
  std::printf("keeld serve listening on %s\n", gateway.url().c_str());
  std::fflush(stdout);
  return gateway.run();
}

}  // namespace keel::keeld
