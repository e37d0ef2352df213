"""A plan as data: settings, methods and cells that a run is to compute."""
