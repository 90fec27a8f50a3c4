"""See coreai/__init__.py."""
