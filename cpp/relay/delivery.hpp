#pragma once
// What the caller has been given, and what is kept back from it. Until content is committed an
// attempt may fail unseen and another take its place; afterwards only a resume may follow: the same
// text once more, swallowed as far as it is known (replay), or its continuation. A plain reply
// commits and finishes in one step.

#include "base/stream.hpp"
#include "base/time.hpp"
#include "relay/config.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace keel::relay {

// How an attempt's events stand to what was delivered before it.
enum class Speech : uint8_t { fresh, replay, continuation };

class Delivery {
 public:
  // What was delivered is remembered up to this many bytes of text; beyond it nothing can resume.
  static constexpr size_t kRememberedMax = 1u << 20;

  enum class Took : uint8_t {
    passed,    // handed over, swallowed or kept back
    diverged,  // a replay says something else, or ends sooner or later than what was delivered
  };

  // Before the first attempt.
  void expect_stream(const HoldBack& hold_back, bool hide_usage);
  // Another attempt speaks from here on; what was kept back of the last one is dropped.
  void begin(Speech speech);
  // The next event of a kind that carries an answer (not error, not unparsable). Bytes for the
  // caller are appended to `out`, an entry per event.
  Took take(StreamEvent&& event, std::vector<std::string>& out);
  // What is kept back is kept back no longer: time has passed, or the stream has ended well.
  void release(std::vector<std::string>& out);

  const HoldBack& hold_back() const { return hold_back_; }
  bool begun() const { return begun_; }          // some frame has left
  bool committed() const { return committed_; }  // content has left
  bool keeps_back() const { return !kept_.empty(); }
  bool keeps_content_back() const { return kept_content_ > 0; }
  bool resumed() const { return resumed_; }
  bool ended() const { return done_; }  // the end marker has left
  bool caught_up() const;               // the attempt that speaks has said all that was delivered
  // The end of as many choices as were asked for has left, of whatever attempts.
  bool has_every_end(int64_t choices) const {
    return static_cast<int64_t>(ended_.size()) >= choices;
  }
  // All of what was delivered is known, and is of a sort that can be compared.
  bool can_resume() const { return !opaque_ && remembered_ <= kRememberedMax; }
  // Only plain text of one choice: what a model can be asked to go on with.
  bool only_text() const;
  std::string_view text() const;

  bool finished() const { return answered_; }
  // The whole answer (or the final error) has been handed over. True the first time only: a caller
  // is answered exactly once.
  bool finish() {
    if (answered_) return false;
    answered_ = true;
    return true;
  }

 private:
  struct Said {  // of one lane
    Lane lane;
    std::string text;
    size_t matched = 0;  // by the replay that speaks now
  };
  struct Kept {
    StreamEvent event;
    std::vector<size_t> skip;
  };

  bool match(const StreamEvent& event, std::vector<size_t>& skip);
  bool ends_too_soon(const StreamEvent& event) const;
  bool ends_anything(const StreamEvent& event);
  Said& lane(const Lane& lane);
  void keep(StreamEvent&& event, std::vector<size_t> skip);
  void hand_over(StreamEvent& event, const std::vector<size_t>& skip,
                 std::vector<std::string>& out);
  bool may_pass() const;
  void forget_what_was_said();

  HoldBack hold_back_;
  bool hide_usage_ = false;

  Speech speech_ = Speech::fresh;
  bool own_frames_ = true;      // frames that left are all of the attempt that speaks
  bool speaks_ = false;         // the attempt that speaks has handed content over
  std::vector<uint16_t> ends_;  // choices that the attempt that speaks, or one before, has ended
  std::vector<uint16_t> ended_before_;  // ... and the caller has the end of an attempt before
  std::vector<Kept> kept_;
  size_t kept_bytes_ = 0;
  int64_t kept_content_ = 0;
  std::vector<Said> said_;
  size_t remembered_ = 0;
  std::vector<uint16_t> ended_;  // choices whose finish_reason has left
  std::string id_;               // of the first frame that left, as JSON strings
  std::string model_;
  bool begun_ = false;
  bool committed_ = false;
  bool released_ = false;  // nothing is kept back any more
  bool resumed_ = false;
  bool opaque_ = false;
  bool done_ = false;
  bool answered_ = false;
};

}  // namespace keel::relay
