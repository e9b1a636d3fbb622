"""The everything profile, one file an idea."""
