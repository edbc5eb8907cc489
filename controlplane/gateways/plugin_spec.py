"""What a connector plugin is, for those who only decide."""

from broker.plugin_spec import Plugin, PluginClass, PluginFile

__all__ = ["Plugin", "PluginClass", "PluginFile"]
