"""Pure decisions about client quotas: entities, units, the effective limit, plans. No Django, no client library, no clock."""
