"""What all tests share: on CI, hypothesis draws the same examples each time, so that a landing does not depend on chance."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
