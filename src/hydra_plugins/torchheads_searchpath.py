"""Gives every Hydra app of this environment the groups head, loss, decision and calibration, and nothing else.

There is no ``__init__.py`` beside this file: ``hydra_plugins`` is a namespace package that Hydra scans, shared by all
plugins of an environment. The scan imports this file in every Hydra app, so it imports hydra only.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class TorchheadsSearchPathPlugin(SearchPathPlugin):
    """Appends ``pkg://torchheads_configs.plugin``; an app's own file of the same name comes first.

    Only the small folder ``configs/plugin`` is exported: a search-path plugin acts on apps that never heard of
    torchheads, where a word such as ``trainer=gpu`` must stay an error.

    Example:
        >>> from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
        >>> search_path = ConfigSearchPathImpl()
        >>> TorchheadsSearchPathPlugin().manipulate_search_path(search_path)
        >>> [element.path for element in search_path.get_path()]
        ['pkg://torchheads_configs.plugin']
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the exported folder.

        Args:
            search_path: the search path of the app that is starting; changed in place.
        """
        search_path.append(provider="torchheads", path="pkg://torchheads_configs.plugin")
