"""Sign-ins, sign-outs, failures and changed credentials, recorded in the audit."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_set
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from controlplane.accounts.models import User
from controlplane.accounts.services import actor_of_user, client_ip
from controlplane.audit.services import record_event
from controlplane.core.access import ANONYMOUS


@receiver(user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    record_event(actor_of_user(user), "session.open", target=user.username, ip=client_ip(request))


@receiver(user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        record_event(actor_of_user(user), "session.close", target=user.username)


@receiver(user_login_failed)
def failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """What was typed as a user name may be a password: only names that exist are kept."""
    typed = str(credentials.get("username") or "")
    known = typed if User.objects.filter(username=typed).exists() else ""
    ip = client_ip(request) if request is not None else ""
    record_event(ANONYMOUS, "session.open", target=known, ok=False, ip=ip)


@receiver((password_changed, password_set))
def password_changed_(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    record_event(actor_of_user(user), "account.password", target=user.username)


@receiver((authenticator_added, authenticator_removed))
def second_factor(sender: Any, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    added = kwargs.get("signal") is authenticator_added
    act = "add" if added else "remove"
    record_event(actor_of_user(user), "account.mfa", target=user.username, act=act, type=authenticator.type)
