"""Bundled Kafka as child processes: specification, certificates, storage, start, supervision. No Django; usable alone."""
