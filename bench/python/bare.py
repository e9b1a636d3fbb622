"""An interpreter that has imported asyncio and waits."""

import asyncio  # noqa: F401
import sys

print("listening", flush=True)
sys.stdin.read()
