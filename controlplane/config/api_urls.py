"""/api/v1/… Every operation of the REST API, explicitly."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from controlplane.accounts import api as accounts
from controlplane.audit import api as audit
from controlplane.config import api_views
from controlplane.jobs import api as jobs

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", api_views.Root.as_view(), name="root"),
    path("schema/", api_views.Schema.as_view(), name="schema"),
    path("docs/", api_views.docs, name="docs"),
    path("operations/", audit.Operations.as_view(), name="operations"),
    path("operations/<uuid:uid>/", audit.OperationDetail.as_view(), name="operation"),
    path("jobs/", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>/", jobs.JobDetail.as_view(), name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.JobCancel.as_view(), name="job_cancel"),
    path("tokens/", accounts.Tokens.as_view(), name="tokens"),
    path("tokens/<str:prefix>/", accounts.TokenDetail.as_view(), name="token"),
    path("users/", accounts.Users.as_view(), name="users"),
    path("users/<str:username>/", accounts.UserDetail.as_view(), name="user"),
    path("users/<str:username>/login-link/", accounts.UserLoginLink.as_view(), name="user_login_link"),
]
