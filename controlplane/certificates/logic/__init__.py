"""Pure decisions about certificates: names, principals, requests, plans, protection, expiry, key stores. No clock, no I/O."""
