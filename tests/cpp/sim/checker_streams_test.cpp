// A checker of streams that never fails proves nothing either: S1 and S2 of SEMANTICS B are broken
// here on purpose, one way at a time, by forged traffic. The same traffic in order is found right.

#include "sim/checker.hpp"
#include "sim/simulator.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

using Kind = StreamEvent::Kind;
using relay::AnswerKind;
using relay::Config;

Config two_targets() {
  Config config;
  for (const char* name : {"p0", "p1"}) {
    relay::ProviderConfig provider;
    provider.name = name;
    provider.keys.resize(1);
    provider.models.push_back({.name = std::string("m-") + name});
    config.targets.push_back({provider.name + "/" + provider.models[0].name,
                              static_cast<ProviderIndex>(config.providers.size())});
    config.providers.push_back(std::move(provider));
  }
  relay::RouteConfig route;
  route.name = "r";
  route.targets = {{.target = 0}, {.target = 1}};
  config.routes = {route};
  config.accounts = {{.name = "relay"}};
  config.health_check.interval = Duration::zero();
  return config;
}

const char* const kText =
    "one two three four five six seven eight nine ten eleven twelve and so on";

// A checker on a relay that does nothing, told of one stream that never was.
class Forged {
 public:
  explicit Forged(const relay::StreamConfig& stream = {}, const std::string& members = "")
      : config_([&] {
          Config config = two_targets();
          config.routes[0].stream = stream;
          return std::make_shared<const Config>(std::move(config));
        }()),
        simulator_(config_, {}, std::vector<ProviderModel>(2), 1, &checker) {
    relay::Request request;
    request.call = 1;
    request.body = Body::take(R"({"model":"r","stream":true)" + members +
                              R"(,"messages":[{"role":"user","content":"q"}]})");
    request.facts = *wire::read_facts(Operation::chat, request.body);
    checker.arrived(request, now);
  }

  // An attempt at this target begins to say `text`; its opening is kept back for long enough.
  void begin(TargetIndex target, const std::string& text = kText, Ending ending = Ending::whole,
             const std::string& begun = {}) {
    Random random(7);
    Spelling how;
    how.id = "c-" + std::to_string(++sends_);
    how.model = "m";
    how.usage = {.in = 1, .out = 1};
    exchange_ = exchange_of(Fault::none, how.usage, seconds(1), now);
    exchange_.begun = begun;
    exchange_.stream = plan = std::make_shared<const StreamPlan>(
        plan_stream({{Lane{}, text}}, how, ending, {seconds(1), {}}, random));
    told_ = 0;
    checker.send({.call = 1, .attempt = sends_, .target = target, .key = 0u, .stream = true},
                 exchange_, now);
    checker.sent(sends_, now);
  }
  std::string bytes_of(size_t frame) const {
    return plan->bytes.substr(plan->frames[frame].at.offset, plan->frames[frame].at.length);
  }
  // The relay is told the frames up to here.
  void tell(size_t end) {
    for (; told_ < end; ++told_) {
      StreamEvent event;
      event.kind = plan->frames[told_].kind;
      event.bytes = bytes_of(told_);
      checker.told(sends_, event, now);
    }
  }
  void hand(std::string bytes) {
    relay::Deliver piece{.call = 1, .bytes = std::move(bytes)};
    if (!headed) piece.head = std::make_shared<relay::StreamHead>();
    headed = true;
    checker.delivered(piece, now);
  }
  // Tells and hands over the frames up to here, usage left out.
  void pass(size_t end) {
    for (size_t i = told_; i < end; ++i) {
      tell(i + 1);
      now = now + seconds(1);
      const Kind kind = plan->frames[i].kind;
      if (kind != Kind::usage && (kind != Kind::lifecycle || i > 2)) hand(bytes_of(i));
      checker.after_event(now);
    }
  }
  void pass_all() { pass(plan->frames.size()); }
  // Where the n-th frame of this kind is.
  size_t find(Kind kind, size_t n = 0) const {
    for (size_t i = 0; i < plan->frames.size(); ++i)
      if (plan->frames[i].kind == kind && n-- == 0) return i;
    ADD_FAILURE() << "no such frame";
    return 0;
  }
  void give_up() { checker.aborted(sends_, now); }
  void end() { checker.finished(sends_, exchange_, {}, now); }
  void answer(AnswerKind kind = AnswerKind::ok) {
    relay::Answer answer;
    answer.kind = kind;
    answer.sends = static_cast<int>(sends_);
    answer.streamed = headed;
    answer.trace = std::make_shared<relay::Trace>();
    checker.responded(1, answer, now);
  }
  // Names this invariant, and no other of streams.
  bool names(const std::string& invariant) const {
    const auto& all = checker.violations();
    return !all.empty() && std::all_of(all.begin(), all.end(), [&](const std::string& violation) {
      return violation.starts_with(invariant + " ");
    });
  }
  std::string all() const {
    std::string out;
    for (const std::string& violation : checker.violations()) out += "\n  " + violation;
    return out.empty() ? "no violation" : out;
  }

  Checker checker;
  std::shared_ptr<const StreamPlan> plan;
  Instant now;
  bool headed = false;

 private:
  std::shared_ptr<const Config> config_;
  Simulator simulator_;
  Exchange exchange_;
  AttemptId sends_ = 0;
  size_t told_ = 0;
};

#define EXPECT_RIGHT(forged) EXPECT_EQ((forged).all(), "no violation")
#define EXPECT_WRONG(forged, invariant) EXPECT_TRUE((forged).names(invariant)) << (forged).all()

std::string text_frame(const std::string& id, const std::string& text,
                       const std::string& reason = "null") {
  return R"(data: {"id":")" + id + R"(","model":"m","choices":[{"index":0,"delta":{"content":")" +
         text + R"("},"finish_reason":)" + reason + "}]}\n\n";
}

TEST(CheckerOfStreams, FindsAWholeStreamRight) {
  Forged f;
  f.begin(0);
  f.pass_all();
  f.end();
  f.answer();
  EXPECT_RIGHT(f);
  EXPECT_EQ(f.checker.streams().whole, 1u);
}

TEST(CheckerOfStreams, FindsAReplayRight) {
  Forged f;
  f.begin(0);
  const size_t some = f.find(Kind::content, 1);
  f.pass(some);
  f.end();
  f.begin(1);
  f.tell(f.find(Kind::content, 1));  // swallowed
  const std::string text(kText);
  f.tell(f.plan->frames.size());
  size_t had = 0;
  for (size_t i = 0; i < some; ++i)
    for (const Said& piece : f.plan->frames[i].pieces) had += piece.text.size();
  f.hand(text_frame("c-1", text.substr(had)));
  f.hand(text_frame("c-1", "", "\"stop\""));
  f.hand("data: [DONE]\n\n");
  f.end();
  f.answer();
  EXPECT_RIGHT(f);
  EXPECT_EQ(f.checker.streams().replayed, 1u);
}

// ---- S1: the words ----

TEST(CheckerOfStreams, SeesAPieceMissing) {
  Forged f;
  f.begin(0);
  const size_t missing = f.find(Kind::content, 1);
  f.pass(missing);
  f.tell(missing + 1);
  f.pass(missing + 2);
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesTheLastPieceMissing) {
  Forged f;
  f.begin(0);
  const size_t finish = f.find(Kind::finish);
  f.pass(finish - 1);
  f.tell(finish);
  f.pass(finish + 1);
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesAPieceTwice) {
  Forged f;
  f.begin(0);
  const size_t twice = f.find(Kind::content, 1);
  f.pass(twice + 1);
  f.hand(f.bytes_of(twice));
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesWordsThatNobodySaid) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.hand(text_frame("c-1", "and what not"));
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesWhatIsNoEvent) {
  for (const char* bytes : {"data: {\"choices\":[\n\n", "{}", "data: {}\n\n", "data: [DONE]\n"}) {
    Forged f;
    f.begin(0);
    f.pass(f.find(Kind::content, 1));
    f.hand(bytes);
    EXPECT_WRONG(f, "S1");
  }
}
TEST(CheckerOfStreams, SeesAnEventMisread) {
  Forged f;
  f.begin(0);
  StreamEvent event;
  event.bytes = f.bytes_of(0) + " ";
  event.kind = f.plan->frames[0].kind;
  f.checker.told(1, event, f.now);
  EXPECT_WRONG(f, "S1");
}

// ---- S1: the end ----

TEST(CheckerOfStreams, SeesAProperEndOnACut) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::finish));
  f.end();
  f.hand("data: [DONE]\n\n");
  EXPECT_WRONG(f, "S1");

  Forged marked;  // the provider's own lie
  marked.begin(0);
  marked.pass(marked.find(Kind::finish));
  marked.hand(text_frame("c-1", "", "\"stop\""));
  EXPECT_WRONG(marked, "S1");
}
TEST(CheckerOfStreams, SeesASuccessWithoutItsEnd) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::done));
  f.end();
  f.answer();
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesAnEndBeforeAnError) {
  Forged f;
  f.begin(0);
  f.pass_all();
  f.end();
  f.answer(AnswerKind::stream_interrupted);
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesSomethingAfterTheEnd) {
  Forged f;
  f.begin(0);
  f.pass_all();
  f.hand("data: [DONE]\n\n");
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesAnEndTwice) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::finish) + 1);
  f.hand(f.bytes_of(f.find(Kind::finish)));
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesABrokenStreamThatIsNotCalledOne) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.end();
  f.answer(AnswerKind::upstream_error);
  EXPECT_WRONG(f, "S1");

  Forged nothing;
  nothing.begin(0);
  nothing.end();
  nothing.answer(AnswerKind::stream_interrupted);
  EXPECT_WRONG(nothing, "S1");
}

// ---- S1: the beginning ----

TEST(CheckerOfStreams, SeesAnOpeningTooEarly) {
  Forged f;
  f.begin(0);
  f.tell(1);
  f.now = f.now + seconds(2) - nanoseconds(1);
  f.hand(f.bytes_of(0));
  EXPECT_WRONG(f, "S1");

  Forged patient;
  patient.begin(0);
  patient.tell(1);
  patient.now = patient.now + seconds(2);
  patient.hand(patient.bytes_of(0));
  EXPECT_RIGHT(patient);
}
TEST(CheckerOfStreams, SeesContentThatIsToBeKeptBack) {
  for (int way : {0, 1, 2}) {
    relay::StreamConfig keeping;
    if (way == 0) keeping.hold_back.complete = true;
    if (way == 1) keeping.hold_back.tokens = 2;
    if (way == 2) keeping.hold_back.time = seconds(1);
    Forged f(keeping);
    f.begin(0);
    f.tell(f.find(Kind::content) + 1);
    f.hand(f.bytes_of(f.find(Kind::content)));
    EXPECT_WRONG(f, "S1");
  }
}
TEST(CheckerOfStreams, SeesAHeadTwiceOrNone) {
  for (bool headed : {true, false}) {
    Forged f;
    f.begin(0);
    const size_t content = f.find(Kind::content);
    if (!headed) f.pass(content + 1);
    f.headed = headed;
    f.tell(content + 2);
    f.hand(f.bytes_of(headed ? content : content + 1));
    EXPECT_WRONG(f, "S1");
  }
}
TEST(CheckerOfStreams, SeesUsageThatNobodyAskedFor) {
  for (bool asked : {false, true}) {
    Forged f({}, asked ? R"(,"stream_options":{"include_usage":true})" : "");
    f.begin(0);
    const size_t usage = f.find(Kind::usage);
    f.pass(usage + 1);
    f.hand(f.bytes_of(usage));
    EXPECT_EQ(f.names("S1"), !asked) << f.all();
  }
}

// ---- S1: the pace ----

TEST(CheckerOfStreams, SeesAProviderThatIsNotHeldForItsReader) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.checker.pressed({1, true});
  f.checker.paused({1, true});
  f.checker.after_event(f.now);
  EXPECT_RIGHT(f);
  f.checker.pressed({1, false});
  f.checker.after_event(f.now);
  EXPECT_WRONG(f, "S1");

  Forged unheard;
  unheard.begin(0);
  unheard.checker.pressed({1, true});
  unheard.checker.after_event(unheard.now);
  EXPECT_WRONG(unheard, "S1");
}
TEST(CheckerOfStreams, SeesMoreAndMoreForAReaderThatIsFull) {
  Forged f({}, R"(,"stream_options":{"include_usage":true})");
  std::string text;
  for (int i = 0; i < 100; ++i) text += kText;
  f.begin(0, text);
  f.checker.pressed({1, true});
  f.checker.paused({1, true});
  f.pass_all();
  EXPECT_WRONG(f, "S1");
}
TEST(CheckerOfStreams, SeesAProviderBlamedForASlowReader) {
  for (bool full : {true, false}) {
    Forged f;
    f.begin(0);
    f.pass(f.find(Kind::content, 1));
    f.checker.pressed({1, full});
    f.checker.paused({1, full});
    f.now = f.now + seconds(15);
    f.give_up();
    EXPECT_EQ(f.names("S1"), full) << f.all();
  }
}

// ---- S2 ----

TEST(CheckerOfStreams, SeesAnotherName) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.end();
  f.begin(1);
  f.pass(f.find(Kind::content, 2));
  EXPECT_FALSE(f.checker.violations().empty());
  EXPECT_NE(f.all().find("goes on as c-2"), std::string::npos) << f.all();
}
TEST(CheckerOfStreams, SeesAResumeThatSaysSomethingElse) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.end();
  f.begin(1, "something else, and rather longer than that");
  f.tell(f.plan->frames.size());
  f.hand(text_frame("c-1", "than that"));
  EXPECT_WRONG(f, "S2");
}
TEST(CheckerOfStreams, SeesABlindRetryAfterContent) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.end();
  f.begin(1);
  f.tell(f.find(Kind::content) + 1);
  f.hand(text_frame("c-1", f.plan->frames[f.find(Kind::content)].pieces[0].text));
  EXPECT_WRONG(f, "S2");
}
TEST(CheckerOfStreams, SeesAResumeThatTheRouteForbids) {
  relay::StreamConfig never;
  never.resume = {};
  Forged f(never);
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.end();
  f.begin(1);
  EXPECT_WRONG(f, "S2");
}
TEST(CheckerOfStreams, SeesAnAnswerWronglyBegun) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 1));
  f.end();
  f.begin(1, " and more", Ending::whole, "not what the caller has");
  EXPECT_WRONG(f, "S2");
}
TEST(CheckerOfStreams, SeesAResumeOfWhatHasEnded) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::finish) + 1);
  f.give_up();
  f.begin(1);
  EXPECT_FALSE(f.checker.violations().empty());
  EXPECT_NE(f.all().find("the caller has an end"), std::string::npos) << f.all();
}
TEST(CheckerOfStreams, SeesAReplayGivenUpThatSaysTheSame) {
  Forged f;
  f.begin(0);
  f.pass(f.find(Kind::content, 2));
  f.end();
  f.begin(1);
  f.tell(f.find(Kind::content) + 1);
  f.give_up();
  EXPECT_WRONG(f, "S2");
}

}  // namespace
}  // namespace keel::sim
