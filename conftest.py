"""The pytest plugin comes by its entry point; a checkout that is not installed has none."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    if not any(map(pluginmanager.has_plugin, ("kerbstone", "kerbstone.testing.plugin"))):
        from kerbstone.testing import plugin

        pluginmanager.register(plugin, "kerbstone")
