"""What a connector plugin is, for those who only decide."""

from broker.plugin_spec import Plugin, PluginClass, PluginFile, is_archive

__all__ = ["Plugin", "PluginClass", "PluginFile", "is_archive"]
