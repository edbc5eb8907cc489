"""Pure decisions about ACLs: what Kafka's authorizer would say, bundles, plans, findings, text formats."""
