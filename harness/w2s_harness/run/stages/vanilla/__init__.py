"""The vanilla student at each amount of compute."""
