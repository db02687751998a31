#pragma once
// The bytes of an answer, made from templates: nothing here is shared with wire/, so that a mistake
// there cannot cancel itself out.

#include "http/message.hpp"
#include "mock/behaviour.hpp"
#include "mock/prompt.hpp"

#include <string>
#include <vector>

namespace keel::mock {

// What a chat completion will say, and what it costs in tokens.
struct Completion {
  std::vector<std::vector<std::string>> choices;  // pieces, one a token
  std::string finish_reason;
  int64_t out_tokens = 0;
};

// The same prompt and behaviour give the same words. The first piece carries the nonce, as
// "[[nonce=...]]". `planned` is what the script's out_tokens gave.
Completion complete(const Prompt& prompt, const Behaviour& behaviour, int64_t planned);

struct ReplyNames {
  std::string id;
  int64_t created = 0;
};

std::string chat_body(const Prompt& prompt, const Completion& completion,
                      const Behaviour& behaviour, const ReplyNames& names);
std::string embeddings_body(const Prompt& prompt, const Behaviour& behaviour);
std::string models_body(const std::vector<std::string>& models);
std::string error_body(const ErrorReply& error);
http::Reply error_reply(const ErrorReply& error, int64_t wall_unix_ns);

// One frame of a stream, `data: ...` and its blank line.
class ChunkWriter {
 public:
  ChunkWriter(const Prompt& prompt, const Behaviour& behaviour, const ReplyNames& names);

  std::string role(size_t choice) const;
  std::string piece(size_t choice, const std::string& text) const;
  std::string finish(size_t choice, const std::string& reason) const;
  std::string usage(int64_t in_tokens, int64_t out_tokens) const;

 private:
  std::string chunk(size_t choice, const std::string& delta, const std::string& reason) const;

  std::string prefix_;
  std::string suffix_;
  bool null_usage_;
};

}  // namespace keel::mock
