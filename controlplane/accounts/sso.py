"""Single sign-on by OpenID Connect: people must have been invited; the provider does not create users here."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest

from controlplane.accounts.models import User


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """The first sign-on links to the invited user of the same name, if the provider vouches for that name."""
        if sociallogin.is_existing:
            return
        name = str(sociallogin.account.extra_data.get("preferred_username") or "").lower()
        user = User.objects.filter(username=name, is_active=True).first() if name else None
        if user is not None:
            sociallogin.connect(request, user)
