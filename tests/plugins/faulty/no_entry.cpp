// Exports nothing: the author forgot KEEL_POLICIES.

#include "good.hpp"
