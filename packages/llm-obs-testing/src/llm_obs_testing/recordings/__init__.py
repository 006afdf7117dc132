"""Recorded exchanges with providers (VCR cassettes in YAML), served to the real client over HTTP."""

from llm_obs_testing.recordings.cassette import Exchange, Recording, load
from llm_obs_testing.recordings.playback import Playback

__all__ = ["Exchange", "Playback", "Recording", "load"]
