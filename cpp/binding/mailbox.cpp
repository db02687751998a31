#include "binding/mailbox.hpp"

#include <utility>

namespace keel::binding {

Mailbox::~Mailbox() {
  if (bell_.forked()) new std::vector<Letter>(std::move(letters_));
}

void Mailbox::put(Letter letter) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = letters_.empty();
    letters_.push_back(std::move(letter));
  }
  if (first) bell_.ring();
}

std::vector<Mailbox::Letter> Mailbox::take() {
  bell_.silence();  // before the letters: one put after this rings again
  std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

}  // namespace keel::binding
