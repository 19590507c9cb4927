from __future__ import annotations

import hypothesis

# A machine that is slow for a moment is no failure.
hypothesis.settings.register_profile("trioexec", deadline=None)
hypothesis.settings.load_profile("trioexec")
