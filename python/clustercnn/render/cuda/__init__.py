"""Drawing on a GPU through CuPy. Nothing here is imported where the backend is not asked for."""
