"""Login and its surroundings under allauth's names, explicitly: what is not listed (sign-up, e-mail) does not exist."""

from __future__ import annotations

from allauth.account import views as account
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from controlplane.accounts import account_views, user_views, views

own = [
    path("login/link/<str:secret>/", views.login_link, name="login_link"),
    path("settings/password/set/", views.set_password, name="set_password"),
    path("settings/account/", account_views.account, name="account"),
    path("settings/security/", account_views.security, name="security"),
    path(
        "settings/security/sessions/end-others/", account_views.end_other_sessions, name="end_other_sessions"
    ),
    path("settings/security/sessions/<int:session_id>/end/", account_views.end_session, name="end_session"),
    path("settings/tokens/", account_views.tokens, name="tokens"),
    path("settings/tokens/<str:prefix>/revoke/", account_views.revoke_token, name="revoke_token"),
    path("settings/users/", user_views.users, name="users"),
    path("settings/users/<str:username>/", user_views.user, name="user"),
    path("settings/users/<str:username>/active/", user_views.set_active, name="set_active"),
    path("settings/users/<str:username>/link/", user_views.new_link, name="new_link"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("login/again/", account.reauthenticate, name="account_reauthenticate"),
    path("settings/password/", account.password_change, name="account_change_password"),
    path("settings/password/first/", account.password_set, name="account_set_password"),
    path("settings/mfa/", include("allauth.mfa.urls")),
    path("", include((own, "accounts"))),
]

if settings.OIDC_ISSUER:
    urlpatterns += [
        path("login/sso/", include("allauth.socialaccount.urls")),
        path("login/", include("allauth.socialaccount.providers.openid_connect.urls")),
    ]
