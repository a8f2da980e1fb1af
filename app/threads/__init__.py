"""What crosses between threads: frozen values and queued signals."""
