"""The pytest plugin comes by its entry point; a checkout that is not installed has none."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    if not pluginmanager.has_plugin("kerbstone"):
        from kerbstone.testing import plugin

        pluginmanager.register(plugin, "kerbstone")
