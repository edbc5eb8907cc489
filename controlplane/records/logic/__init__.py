"""Pure decisions about records: where to start reading, how bytes are shown, what a produce form means."""
