"""What all tests share: how hypothesis looks for counterexamples."""

import signal

from hypothesis import HealthCheck, settings

# The same examples in every run, and no clock: a slow machine fails nothing.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search", settings.get_profile("house"), derandomize=False, max_examples=3000
)
settings.load_profile("house")


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl+C, and so would every process that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
