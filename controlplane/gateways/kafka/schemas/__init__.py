"""Kafka message schemas, byte for byte from kafka-clients 4.4.0 (see NOTICE): what kafka-python does not ship."""
