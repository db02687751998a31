#pragma once
// A mock provider in a thread and a raw client to talk to it.

#include "http/raw_client.hpp"
#include "mock/server.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::mock {

using nlohmann::json;
using test::RawClient;
using test::RawReply;
using End = RawClient::End;

inline std::string post(const std::string& path, const std::string& body,
                        const std::string& fields = "") {
  return "POST " + path +
         " HTTP/1.1\r\nHost: mock\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

// A chat request for `model` whose only message is `text`; `more` are further members.
inline std::string chat(const std::string& model, const std::string& text, json more = {},
                        const std::string& fields = "") {
  json body = {{"model", model},
               {"messages", json::array({{{"role", "user"}, {"content", text}}})}};
  if (more.is_object()) body.update(more);
  return post("/v1/chat/completions", body.dump(), fields);
}

inline std::string text_of(const RawReply& reply) {
  return json::parse(reply.body).at("choices").at(0).at("message").at("content");
}

class MockTest : public ::testing::Test {
 protected:
  void start(const std::string& script = "", Settings settings = {}) {
    settings.script = script;
    auto mock = Server::start(std::move(settings));
    if (!mock.ok()) throw std::runtime_error(mock.error().text());
    mock_ = std::move(*mock);
  }
  void script(const std::string& text) {
    auto taken = mock_->set_script(text);
    ASSERT_TRUE(taken.ok()) << taken.error().text();
  }
  RawReply ask(const std::string& request) {
    RawClient client(mock_->port());
    client.send(request);
    return client.read_reply();
  }
  // What a client sees of a request that may break: the bytes and how they ended.
  std::pair<std::string, End> watch(const std::string& request, int patience_ms = 5000) {
    RawClient client(mock_->port());
    client.send(request);
    client.read_to_end(patience_ms);
    return {client.received(), client.end()};
  }
  json state() { return json::parse(mock_->state_json()); }
  int64_t bill() { return state()["bill"]["total_nano_usd"]; }
  // Waits for something the mock's thread will do; a bound, not a measure.
  template <typename Condition>
  static bool eventually(Condition condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<Server> mock_;
};

}  // namespace keel::mock
