"""Login and its surroundings under allauth's names, explicitly: what is not listed (sign-up, e-mail) does not exist."""

from __future__ import annotations

from allauth.account import views as account
from allauth.usersessions import views as usersessions
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from controlplane.accounts import views

own = [
    path("login/link/<str:secret>/", views.login_link, name="login_link"),
    path("settings/password/set/", views.set_password, name="set_password"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("login/again/", account.reauthenticate, name="account_reauthenticate"),
    path("settings/password/", account.password_change, name="account_change_password"),
    path("settings/mfa/", include("allauth.mfa.urls")),
    path("settings/sessions/", usersessions.list_usersessions, name="usersessions_list"),
    path("", include((own, "accounts"))),
]

if settings.OIDC_ISSUER:
    urlpatterns += [
        path("login/sso/", include("allauth.socialaccount.urls")),
        path("login/", include("allauth.socialaccount.providers.openid_connect.urls")),
    ]
