"""For every test: signals as a terminal would leave them."""

import signal

# Whoever runs the tests in the background may have it ignored, and so would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)
