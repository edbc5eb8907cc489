"""Changes to certificates, by noun: issuing, revocation, watching, downloads.

`plan_*` never writes. `apply_*` takes the plan that was reviewed, runs inside `audit.operation`, and verifies.
"""
