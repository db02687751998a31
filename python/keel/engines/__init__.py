"""The engines behind a relay, each alone.

`now` is seconds on any clock that does not run backwards (if it does, no time has passed); left
out, it is the monotonic clock. Money is Decimal US dollars. An engine has no lock: use one from one
thread at a time.
"""

from keel.engines.breaking import Breaker, Permit
from keel.engines.choosing import Candidate, Classifier, Router, Verdict
from keel.engines.keys import KeyLease, KeyPool
from keel.engines.limiting import Allowance, Backoff, RateLimiter, RetryBudget
from keel.engines.money import Budget, Reservation, Totals
from keel.engines.scoring import Health
from keel.engines.storing import ResponseCache, StoredReply

__all__ = [
    "Allowance",
    "Backoff",
    "Breaker",
    "Budget",
    "Candidate",
    "Classifier",
    "Health",
    "KeyLease",
    "KeyPool",
    "Permit",
    "RateLimiter",
    "Reservation",
    "ResponseCache",
    "RetryBudget",
    "Router",
    "StoredReply",
    "Totals",
    "Verdict",
]
