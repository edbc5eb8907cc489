"""The only package that imports a Kafka client. Above it there are our types and our errors, nothing else."""
