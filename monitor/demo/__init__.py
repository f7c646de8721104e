"""`vigil demo`: the whole of Vigil on this machine, with an incident in it."""
