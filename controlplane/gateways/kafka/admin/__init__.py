"""Kafka's administrative operations, one noun per file.

Each operation builds a request (pure), sends it, and parses the answer (pure). Verbs and nouns are Kafka's own.
"""
