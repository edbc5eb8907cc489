"""Pure decisions of alerting: states, routing, dedup, inhibition, silences, templates, messages. No Django, no clock."""
