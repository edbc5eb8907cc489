"""Pure decisions about topics: names, states, plans. No Django, no client library, no clock."""
