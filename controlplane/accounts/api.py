"""/api/v1/users/ and /api/v1/tokens/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts import administration, logic, services
from controlplane.accounts.models import ApiToken, RoleChoice, User
from controlplane.core.access import Action, Role, can
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    ApiView,
    PlanSerializer,
    change,
    is_dry_run,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    plan_answer,
    valid_data,
)

TOKEN_SORT = ("name", "created_at", "expires_at", "last_used_at")
SCOPES = tuple(action.value for action in Action)
USER_SORT = ("username", "date_joined", "last_login")


class TokenSerializer(serializers.Serializer[Any]):
    prefix = serializers.CharField(help_text="Names the token in URLs and in the list.")
    name = serializers.CharField()
    owner = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(RoleChoice.choices)
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="null: all that the role may do."
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class FreshTokenSerializer(TokenSerializer):
    token = serializers.CharField(
        help_text="Shown once. Send it as `Authorization: Token …`.", allow_null=True
    )


class NewTokenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    role = serializers.ChoiceField(RoleChoice.choices, required=False, help_text="Your own, unless told.")
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES), required=False, allow_null=True)
    days = serializers.IntegerField(min_value=1, max_value=365, default=90)


class UserSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    active = serializers.BooleanField(source="is_active")
    roles = serializers.DictField(
        child=serializers.ChoiceField(RoleChoice.choices),
        help_text="Cluster name or '*' → role.",
    )
    last_login = serializers.DateTimeField(allow_null=True)
    date_joined = serializers.DateTimeField()


class InvitedUserSerializer(UserSerializer):
    login_url = serializers.CharField(help_text="Works once, for 24 hours. Shown once.", allow_null=True)


USER_OR_PLAN = or_plan("UserOrPlan", UserSerializer)


class RolesField(serializers.DictField):
    child = serializers.ChoiceField(RoleChoice.choices)


class NewUserSerializer(serializers.Serializer[Any]):
    username = serializers.RegexField(r"^[a-z0-9][a-z0-9._@-]{0,79}$")
    roles = RolesField(required=False, help_text="Cluster name or '*' → role.")


class AlterUserSerializer(serializers.Serializer[Any]):
    active = serializers.BooleanField(required=False)
    roles = RolesField(required=False, help_text="Exactly these from now on.")


class LinkSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    login_url = serializers.CharField(allow_null=True)


def user_json(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "active": user.is_active,
        "roles": {cluster: role.value for cluster, role in services.roles_of(user).items()},
        "last_login": user.last_login,
        "date_joined": user.date_joined,
    }


def token_json(token: ApiToken) -> dict[str, Any]:
    return dict(TokenSerializer(token).data)


def owner_of(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def planned(request: Request, plan: Plan, apply: Callable[[Plan], Response]) -> Response:
    """A dry run carries the change out and rolls it back: it is refused exactly where the real one would be."""
    if is_dry_run(request):
        with administration.rehearsed():
            apply(plan)
        return plan_answer(plan)
    return change(request, plan, apply, conditional=False)


class Tokens(ApiView):
    actions: ClassVar = {"GET": Action.TOKEN_MANAGE_OWN, "POST": Action.TOKEN_MANAGE_OWN}
    shown_once = frozenset({"token"})

    @extend_schema(
        operation_id="list_tokens",
        summary="List your API tokens",
        tags=["tokens"],
        parameters=list_parameters(TOKEN_SORT),
        responses=list_schema(TokenSerializer),
    )
    def get(self, request: Request) -> Response:
        rows = ApiToken.objects.filter(user=owner_of(request)).select_related("user")
        if search := request.query_params.get("search"):
            rows = rows.filter(name__icontains=search)
        return list_answer(request, rows, token_json, sortable=TOKEN_SORT, default_sort="-created_at")

    @extend_schema(
        operation_id="create_token",
        summary="Create an API token",
        tags=["tokens"],
        parameters=[DRY_RUN],
        request=NewTokenSerializer,
        responses={201: FreshTokenSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "A token for a pipeline",
                value={
                    "name": "deploy",
                    "role": "operator",
                    "scopes": ["topic.view", "topic.create"],
                    "days": 30,
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(NewTokenSerializer, request)
        owner, scopes = owner_of(request), data.get("scopes")
        wanted: dict[str, Any] = {
            "name": data["name"],
            "role": Role(data["role"]) if "role" in data else None,
            "scopes": None if scopes is None else [Action(scope) for scope in scopes],
            "days": data["days"],
        }

        def apply(plan: Plan) -> Response:
            token, text = administration.issue_token(self.actor, owner, **wanted)
            return Response({**token_json(token), "token": text}, status=201)

        return planned(request, logic.plan_issue_token(owner.username, **wanted), apply)


class TokenDetail(ApiView):
    actions: ClassVar = {"GET": Action.TOKEN_MANAGE_OWN, "DELETE": Action.TOKEN_MANAGE_OWN}

    def find(self, prefix: str) -> ApiToken:
        """One's own; admins may also see and revoke everybody's."""
        rows = ApiToken.objects.filter(prefix=prefix).select_related("user")
        if not can(self.actor, Action.USER_MANAGE, None).allowed:
            rows = rows.filter(user=owner_of(self.request))
        found = rows.first()
        if found is None:
            raise NotFound(f"There is no token {prefix!r}")
        return found

    @extend_schema(
        operation_id="describe_token", summary="Describe a token", tags=["tokens"], responses=TokenSerializer
    )
    def get(self, request: Request, prefix: str) -> Response:
        return Response(token_json(self.find(prefix)))

    @extend_schema(
        operation_id="revoke_token",
        summary="Revoke a token",
        description="It stops working with the next request.",
        tags=["tokens"],
        parameters=[DRY_RUN],
        responses={204: OpenApiResponse(description="Revoked"), 200: PlanSerializer},
    )
    def delete(self, request: Request, prefix: str) -> Response:
        token = self.find(prefix)

        def apply(plan: Plan) -> Response:
            administration.revoke_token(self.actor, token)
            return Response(status=204)

        return planned(request, logic.plan_revoke_token(token.user.username, token.name, prefix), apply)


class Users(ApiView):
    actions: ClassVar = {"GET": Action.USER_MANAGE, "POST": Action.USER_MANAGE}
    shown_once = frozenset({"login_url"})

    @extend_schema(
        operation_id="list_users",
        summary="List users",
        tags=["users"],
        parameters=list_parameters(USER_SORT),
        responses=list_schema(UserSerializer),
    )
    def get(self, request: Request) -> Response:
        rows = User.objects.prefetch_related("grants")
        if search := request.query_params.get("search"):
            rows = rows.filter(username__icontains=search)
        return list_answer(request, rows, user_json, sortable=USER_SORT, default_sort="username")

    @extend_schema(
        operation_id="invite_user",
        summary="Invite a user",
        description="Answers with a one-time link with which they choose a password.",
        tags=["users"],
        parameters=[DRY_RUN],
        request=NewUserSerializer,
        responses={201: InvitedUserSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "An operator of one cluster",
                value={"username": "kim", "roles": {"main": "operator"}},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(NewUserSerializer, request)
        roles = {cluster: Role(role) for cluster, role in data.get("roles", {}).items()}

        def apply(plan: Plan) -> Response:
            user, link = administration.invite(self.actor, username=data["username"], roles=roles)
            return Response({**user_json(user), "login_url": link}, status=201)

        return planned(request, logic.plan_invite(data["username"], roles), apply)


class UserDetail(ApiView):
    actions: ClassVar = {"GET": Action.USER_MANAGE, "PATCH": Action.USER_MANAGE}

    @extend_schema(
        operation_id="describe_user", summary="Describe a user", tags=["users"], responses=UserSerializer
    )
    def get(self, request: Request, username: str) -> Response:
        return Response(user_json(administration.get_user(username)))

    @extend_schema(
        operation_id="alter_user",
        summary="Enable or disable a user, or set the roles",
        tags=["users"],
        parameters=[DRY_RUN],
        request=AlterUserSerializer,
        responses={200: USER_OR_PLAN},
        examples=[OpenApiExample("Disable", value={"active": False}, request_only=True)],
    )
    def patch(self, request: Request, username: str) -> Response:
        data = valid_data(AlterUserSerializer, request)
        user = administration.get_user(username)
        roles = {cluster: Role(role) for cluster, role in data["roles"].items()} if "roles" in data else None
        active: bool | None = data.get("active")

        def apply(plan: Plan) -> Response:
            if roles is not None:
                administration.set_roles(self.actor, user, roles)
            if active is not None:
                administration.set_active(self.actor, user, active=active)
            return Response(user_json(administration.get_user(username)))

        plan = logic.plan_alter_user(
            username,
            roles=None if roles is None else (services.roles_of(user), roles),
            active=None if active is None else (user.is_active, active),
        )
        return planned(request, plan, apply)


class UserLoginLink(ApiView):
    actions: ClassVar = {"POST": Action.USER_MANAGE}
    shown_once = frozenset({"login_url"})

    @extend_schema(
        operation_id="create_login_link",
        summary="Make a one-time login link",
        description="For a lost password. Older links of the user stop working.",
        tags=["users"],
        parameters=[DRY_RUN],
        request=None,
        responses={201: LinkSerializer, 200: PlanSerializer},
    )
    def post(self, request: Request, username: str) -> Response:
        user = administration.get_user(username)

        def apply(plan: Plan) -> Response:
            link = administration.new_login_link(self.actor, user)
            return Response({"username": username, "login_url": link}, status=201)

        return planned(request, logic.plan_login_link(username), apply)
