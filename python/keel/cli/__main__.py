"""`python -m keel.cli`, the same as `keel`."""

from . import main

raise SystemExit(main())
