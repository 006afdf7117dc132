"""The subcommands of `llm-obs`, a module each; a module is imported only when its command runs."""
