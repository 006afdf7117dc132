from pathlib import Path

from llm_obs_sdk.reference import settings_table


def test_the_readme_holds_the_table_of_settings():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert settings_table() in readme
