"""Signal processing and rendering of sound."""
