"""Pure decisions about service accounts: what one is made of, and the one plan that composes its parts."""
