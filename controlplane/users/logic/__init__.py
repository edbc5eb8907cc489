"""Pure decisions about SCRAM users: names, passwords, states, plans. No Django, no client library, no clock."""
