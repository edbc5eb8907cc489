"""The launcher behind `./run`: starts, stops and asks the whole product. Top of the layers; no Django at import time."""
