"""Askr and its peers in turn on one machine; see docs/performance.md."""
