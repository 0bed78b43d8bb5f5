"""The procedural drum machine and the pattern grammar behind the embedded default."""
