from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "controlplane.accounts"
    label = "accounts"
    verbose_name = "Accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Loaded for their effect: logins are audited, authentication describes itself.
        from controlplane.accounts import schema, signals  # noqa: F401
        from controlplane.accounts.administration import holders
        from controlplane.accounts.second_factors import reseal
        from controlplane.core import problem, secrets

        problem.holders_of.append(holders)
        secrets.RESEALERS.append(reseal)
