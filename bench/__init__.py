"""Side-by-side measurements, one command each: `./run bench NAME`. The last line printed is one JSON object."""
