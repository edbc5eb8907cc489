"""People and tokens for tests: Vera may view, Otto operates, Ada administers; Norman has no role at all."""

from __future__ import annotations

from django.test import Client
from rest_framework.test import APIClient

from controlplane.accounts import services
from controlplane.accounts.models import RoleGrant, User
from controlplane.core.access import EVERY_CLUSTER, Role

PASSWORD = "correct horse battery staple"
NAMES = {None: "norman", Role.VIEWER: "vera", Role.OPERATOR: "otto", Role.ADMIN: "ada"}


def person(role: Role | None, *, cluster: str = EVERY_CLUSTER, name: str | None = None) -> User:
    user, created = User.objects.get_or_create(username=name or NAMES[role])
    if created:
        user.set_unusable_password()
        user.save()
    if role is not None:
        RoleGrant.objects.update_or_create(user=user, cluster=cluster, defaults={"role": role.value})
    return user


def signed_in(role: Role | None, *, cluster: str = EVERY_CLUSTER) -> Client:
    client = Client()
    client.force_login(person(role, cluster=cluster))
    return client


def token_text(role: Role, *, cluster: str = EVERY_CLUSTER) -> str:
    _, text = services.create_token(user=person(role, cluster=cluster), name="test", role=role)
    return text


def api(role: Role | None, *, cluster: str = EVERY_CLUSTER) -> APIClient:
    """An API client with a token; None is nobody at all."""
    client = APIClient()
    if role is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_text(role, cluster=cluster)}")
    return client
