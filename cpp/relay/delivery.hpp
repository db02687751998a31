#pragma once
// What the caller has been given. Until something is committed an attempt may fail unseen and
// another take its place; afterwards only a resume may follow. A plain reply commits and finishes
// in one step.

namespace keel::relay {

class Delivery {
 public:
  bool committed() const { return state_ != State::held; }
  bool finished() const { return state_ == State::finished; }
  // The whole answer (or the final error) has been handed over. True the first time only: a caller
  // is answered exactly once.
  bool finish() {
    if (state_ == State::finished) return false;
    state_ = State::finished;
    return true;
  }

 private:
  enum class State : unsigned char { held, finished };
  State state_ = State::held;
};

}  // namespace keel::relay
