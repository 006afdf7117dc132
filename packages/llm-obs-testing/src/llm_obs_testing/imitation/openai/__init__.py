"""An imitation of OpenAI's API."""
