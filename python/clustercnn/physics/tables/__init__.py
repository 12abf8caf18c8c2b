"""The stellar table that ships with the package, and the code that derives it (see ``build.py``)."""
