"""What all tests share: an example is never failed for being slow, since the machine may be busy."""

from hypothesis import settings

settings.register_profile("fcnlab", deadline=None)
settings.load_profile("fcnlab")
