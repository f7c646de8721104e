import os

from hypothesis import HealthCheck, settings

# No deadline, for the machine is shared; the same examples on every run of CI.
settings.register_profile(
    "vigil",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("vigil")
