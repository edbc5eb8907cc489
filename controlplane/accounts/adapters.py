"""How allauth is bent to this product: nobody signs up, and second factors are stored encrypted (WS-6)."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from controlplane.core.secrets import decrypt, encrypt

MFA_CONTEXT = "mfa_authenticator:secret"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth does not say whose seed it is when it asks, so all seeds share one associated text."""

    def encrypt(self, text: str) -> str:
        return encrypt(text, context=MFA_CONTEXT)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text, context=MFA_CONTEXT)


def __getattr__(name: str) -> Any:
    """`SocialAccountAdapter` exists only where single sign-on is switched on: its app must be installed first."""
    if name == "SocialAccountAdapter":
        from controlplane.accounts.sso import SocialAccountAdapter

        return SocialAccountAdapter
    raise AttributeError(name)
