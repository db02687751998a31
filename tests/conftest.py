"""For every test: signals as a terminal would leave them, and nothing asked that cannot be asked
here."""

import signal
from pathlib import Path

# Whoever runs the tests in the background may have it ignored, and so would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)

# OpenAI's description of its API is not ours to give away.
_DESCRIPTION = Path(__file__).parents[2] / "shared/data/openai_openapi.yaml"
collect_ignore = [] if _DESCRIPTION.is_file() else ["e2e/test_gateway_schema.py"]
