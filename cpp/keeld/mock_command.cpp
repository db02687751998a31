#include "keeld/mock_command.hpp"

#include "io/tls.hpp"
#include "keeld/port_file.hpp"
#include "mock/service.hpp"
#include "mock/test_ca.hpp"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include <boost/asio/signal_set.hpp>

namespace keel::keeld {

namespace {

constexpr const char* kUsage = R"(usage: keeld mock [options]
A fake OpenAI-compatible provider: scripted faults, its own bill, every request counted.

  --host ADDR          address to listen on (127.0.0.1)
  --port N             port to listen on (9100); 0 picks a free one
  --port-file FILE     write the port there when ready
  --script FILE        behaviour as YAML or JSON
  --seed N             seed of everything drawn, instead of the script's
  --cassettes DIR      answer with recorded exchanges (go-vcr YAML) instead of made ones
  --tls --cert FILE --key FILE      HTTPS with this certificate
  --tls-self HOST --tls-dir DIR     HTTPS with a certificate for HOST by a test CA in DIR
  --tls-leaf good|wrong-host|expired   which kind of certificate --tls-self makes (good)
)";

struct Arguments {
  std::string host = "127.0.0.1";
  std::string port = "9100";
  std::string port_file, script, seed, cassettes, cert, key, tls_self, tls_dir;
  std::string tls_leaf = "good";
  bool tls = false;
  bool help = false;
};

int complain(const std::string& what) {
  std::fprintf(stderr, "keeld mock: %s\n", what.c_str());
  return 2;
}

std::optional<std::string> read_arguments(const std::vector<std::string>& args, Arguments& out) {
  const std::pair<const char*, std::string*> named[] = {
      {"--host", &out.host},       {"--port", &out.port},        {"--port-file", &out.port_file},
      {"--script", &out.script},   {"--seed", &out.seed},        {"--cassettes", &out.cassettes},
      {"--cert", &out.cert},       {"--key", &out.key},          {"--tls-self", &out.tls_self},
      {"--tls-dir", &out.tls_dir}, {"--tls-leaf", &out.tls_leaf}};
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--help" || args[i] == "-h") {
      out.help = true;
    } else if (args[i] == "--tls") {
      out.tls = true;
    } else {
      std::string* value = nullptr;
      for (const auto& [name, field] : named) {
        if (args[i] == name) value = field;
      }
      if (!value) return "unknown option " + args[i] + "; try keeld mock --help";
      if (i + 1 == args.size()) return args[i] + " wants a value";
      *value = args[++i];
    }
  }
  return std::nullopt;
}

template <typename T>
bool number(const std::string& text, T& value) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() && end == text.data() + text.size();
}

std::optional<mock::Leaf> leaf_named(const std::string& name) {
  if (name == "good") return mock::Leaf::good;
  if (name == "wrong-host") return mock::Leaf::wrong_host;
  if (name == "expired") return mock::Leaf::expired;
  return std::nullopt;
}

Result<io::TlsContext> tls_of(const Arguments& args) {
  if (!args.tls_self.empty()) {
    auto leaf = leaf_named(args.tls_leaf);
    if (!leaf) {
      return Error{"bad_option", "--tls-leaf",
                   "wanted good, wrong-host or expired, found " + args.tls_leaf};
    }
    if (args.tls_dir.empty()) return Error{"bad_option", "--tls-self", "wants --tls-dir too"};
    auto made = mock::make_test_certificate(args.tls_dir, args.tls_self, *leaf);
    if (!made) return made.error();
    return io::server_tls(made->cert_pem, made->key_pem);
  }
  if (!args.tls) return io::TlsContext();
  if (args.cert.empty() || args.key.empty()) {
    return Error{"bad_option", "--tls", "wants --cert and --key, or use --tls-self"};
  }
  return io::server_tls_from_files(args.cert, args.key);
}

Result<mock::Settings> settings_of(const Arguments& args) {
  mock::Settings settings;
  settings.http.host = args.host;
  settings.cassettes = args.cassettes;
  if (!number(args.port, settings.http.port)) {
    return Error{"bad_option", "--port", "wanted 0 to 65535, found " + args.port};
  }
  if (!args.seed.empty() && !number(args.seed, settings.seed.emplace())) {
    return Error{"bad_option", "--seed", "wanted a number, found " + args.seed};
  }
  if (!args.script.empty()) {
    std::ifstream file(args.script, std::ios::binary);
    if (!file) return Error{"bad_option", "--script", "cannot read " + args.script};
    std::ostringstream text;
    text << file.rdbuf();
    settings.script = text.str();
  }
  auto tls = tls_of(args);
  if (!tls) return tls.error();
  settings.http.tls = *tls;
  return settings;
}

}  // namespace

int mock_command(const std::vector<std::string>& args) {
  Arguments arguments;
  if (auto problem = read_arguments(args, arguments)) return complain(*problem);
  if (arguments.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  auto settings = settings_of(arguments);
  if (!settings) return complain(settings.error().text());
  std::signal(SIGPIPE, SIG_IGN);
  http::asio::io_context loop(1);
  auto service = mock::Service::start(loop, *settings);
  if (!service) {
    complain(service.error().text());
    return 1;
  }
  http::asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const http::error_code&, int) { (*service)->stop(); });
  if (!arguments.port_file.empty()) {
    write_port(arguments.port_file, (*service)->port());
  }
  std::printf("keeld mock listening on %s://%s:%u\n", settings->http.tls ? "https" : "http",
              settings->http.host.c_str(), static_cast<unsigned>((*service)->port()));
  std::fflush(stdout);
  loop.run();
  return 0;
}

}  // namespace keel::keeld
