"""The inference runtimes behind `open_backend`; each is imported only when its device is opened."""
