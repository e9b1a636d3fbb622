"""Tells a Slack channel about deployments; everything but the manifest and the hooks."""
