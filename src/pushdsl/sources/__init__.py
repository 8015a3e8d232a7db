"""Where events come from without a plugin: a folder of facts that is watched, lines, and HTTP."""
