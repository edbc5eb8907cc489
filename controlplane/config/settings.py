"""All settings, from the environment only (readers in core/env.py). The defaults are the production posture of one
machine: loopback, login, hashed secrets made at the first start, SQLite and Redis inside the data directory.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from controlplane.config.storage import (  # noqa: F401  # they are settings
    DATABASES,
    METRICS_DATABASE,
    METRICS_DAYS,
    METRICS_MINUTE_DAYS,
    METRICS_RAW_HOURS,
    PROBE,
)
from controlplane.config.version import VERSION
from controlplane.config.wiring import *  # noqa: F403  # all of it are settings
from controlplane.core.env import envbool, envchoice, envint, envlist, envsecret, envstr, generated_secret
from controlplane.core.paths import data_directory, private_directory, recorded_port, socket_path
from controlplane.core.watching import STAMPS

ROOT = Path(__file__).resolve().parents[2]
DATA = data_directory(ROOT)
SECRETS, STATE = private_directory(DATA / "secrets"), private_directory(DATA / "state")

# --- Where we are reached -------------------------------------------------------------------------------------------
HOST = envstr("KASTELLAN_HOST", "127.0.0.1")
PORT = envint("KASTELLAN_PORT", recorded_port(STATE) or 8640, low=1, high=65535)
#: How many reverse proxies of yours stand in front; 0 means that X-Forwarded-* is somebody's invention.
TRUSTED_PROXIES = envint("KASTELLAN_TRUSTED_PROXY", 0, high=5)
#: Whether browsers reach us by https. On loopback they do not; behind a proxy they do unless you say otherwise.
TLS = envbool("KASTELLAN_TLS", TRUSTED_PROXIES > 0)
#: Served beyond this machine in clear, because somebody insisted: every page says so.
INSECURE = not TLS and HOST not in ("127.0.0.1", "::1", "localhost")
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
PUBLIC_HOSTS = envlist("KASTELLAN_ALLOWED_HOSTS")
URL_HOST = f"[{HOST}]" if ":" in HOST else HOST
EVERYWHERE = HOST in ("0.0.0.0", "::")  # noqa: S104  # nosec B104  # compared with, not bound
#: Whoever serves every address is reached by the machine's own name.
OWN_HOSTS = [socket.gethostname().lower(), socket.getfqdn().lower()] if EVERYWHERE else [URL_HOST]
ALLOWED_HOSTS = [*LOOPBACK_HOSTS, *PUBLIC_HOSTS, *OWN_HOSTS]
BASE_URL = envstr(
    "KASTELLAN_BASE_URL", f"{'https' if TLS else 'http'}://{OWN_HOSTS[0] if EVERYWHERE else URL_HOST}:{PORT}"
).rstrip("/")

DEBUG = False
SECRET_KEY = envsecret("KASTELLAN_SECRET_KEY") or generated_secret(SECRETS / "django-secret-key")
#: Encrypts columns (core/secrets.py). Older keys stay in the file, one per line, newest first, until rotated away.
FIELD_KEYS_FILE = SECRETS / "field-key"

#: Hosts and networks beyond the public internet that outgoing requests may reach: `10.0.0.0/8,hooks.intern.example`.
#: Other Alertmanagers that are told of every alert, as Prometheus tells its own.
ALERTMANAGERS = envlist("KASTELLAN_ALERTMANAGERS")
#: Of the authority that signed their certificates, in PEM; empty: what this machine trusts.
ALERTMANAGERS_CA = envsecret("KASTELLAN_ALERTMANAGERS_CA")
#: Written after every evaluation of the alert rules, and by the worker of everything else; `cli.watch` reads them.
ALERTS_STAMP, WORKER_STAMP = STATE / STAMPS["evaluation"], STATE / STAMPS["worker"]
ALLOWED_TARGETS = envlist("KASTELLAN_ALLOWED_TARGETS")

# --- Application ----------------------------------------------------------------------------------------------------
OIDC_ISSUER = envstr("KASTELLAN_OIDC_ISSUER")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    *(["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"] if OIDC_ISSUER else []),
    "csp",
    "django_htmx",
    "template_partials",
    "rest_framework",
    "drf_spectacular",
    "controlplane.core",
    "controlplane.accounts",
    "controlplane.audit",
    "controlplane.jobs",
    "controlplane.clusters",
    "controlplane.metrics",
    "controlplane.topics",
    "controlplane.records",
    "controlplane.groups",
    "controlplane.users",
    "controlplane.acls",
    "controlplane.quotas",
    "controlplane.certificates",
    "controlplane.service_accounts",
    "controlplane.connect",
    "controlplane.workers",
    "controlplane.replication",
    "controlplane.alerts",
    "controlplane.manual",
]

MIDDLEWARE = [
    "controlplane.metrics.instruments.RequestDurationMiddleware",
    "controlplane.core.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "controlplane.core.middleware.SecurityHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "controlplane.core.static.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "controlplane.accounts.middleware.SessionLimitsMiddleware",
    "controlplane.accounts.middleware.ActorMiddleware",
    "controlplane.accounts.middleware.LoginRequiredMiddleware",
    "controlplane.accounts.middleware.CredentialsRequiredMiddleware",
    "controlplane.core.middleware.ErrorPagesMiddleware",
    "controlplane.audit.middleware.DeniedAttemptsMiddleware",
]

ROOT_URLCONF = "controlplane.config.urls"
ASGI_APPLICATION = "controlplane.config.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controlplane.config.context.frame",
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    }
]

# --- Storage --------------------------------------------------------------------------------------------------------
# Login limits must hold in every process and without Redis: they live in the database.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "kastellan_cache"},
}

# --- Celery: a message is only a wake-up call, rows are the truth ---------------------------------------------------
REDIS_URL = envsecret("REDIS_URL") or f"redis+socket://{socket_path(DATA, 'redis')}"
CELERY_APPLICATION = "controlplane.config.celery.app"
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
#: A worker of its own: a job that takes minutes, or a cluster that hangs, may not hold up who is told of it.
CELERY_TASK_ROUTES = {name: {"queue": "alerts"} for name in ("alerts.*", "metrics.poll_all", "metrics.poll")}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}

# --- Language and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False

# --- Static files: hashed and compressed after collectstatic, found in place before it ------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in (ROOT / "static",) if path.is_dir()]
STATIC_ROOT = private_directory(DATA / "static")
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "controlplane.core.static.NeededAppsFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "controlplane.core.static.HashedStaticStorage"},
}
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Passwords, sessions, login -------------------------------------------------------------------------------------
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

SESSION_IDLE_SECONDS = 60 * envint("KASTELLAN_SESSION_IDLE_MINUTES", 8 * 60, low=1, high=60 * 24 * 30)
SESSION_ABSOLUTE_SECONDS = 3600 * envint("KASTELLAN_SESSION_HOURS", 7 * 24, low=1, high=24 * 90)
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS
# Browsers share cookies between the ports of a host: the port keeps two installations apart.
_cookie = f"__Host-kastellan-{PORT}" if TLS else f"kastellan-{PORT}"
SESSION_COOKIE_NAME = f"{_cookie}-session"
SESSION_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_cookie}-csrf"
CSRF_COOKIE_SECURE = TLS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in PUBLIC_HOSTS] if TLS else []
CSRF_FAILURE_VIEW = "controlplane.core.views.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

#: From this role on a second factor is required; empty: it is everybody's own choice.
REQUIRE_MFA_FROM = envchoice("KASTELLAN_REQUIRE_MFA", ("", "viewer", "operator", "admin"))

ACCOUNT_ADAPTER = "controlplane.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "reauthenticate": "10/m/user"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if TLS else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "controlplane.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Kastellan"
# Browsers call loopback a secure context, so passkeys work there without TLS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not TLS
USERSESSIONS_TRACK_ACTIVITY = False
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_ADAPTER = "controlplane.accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = (
    {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": envstr("KASTELLAN_OIDC_NAME", "Single sign-on"),
                    "client_id": envstr("KASTELLAN_OIDC_CLIENT_ID"),
                    "secret": envsecret("KASTELLAN_OIDC_CLIENT_SECRET"),
                    "settings": {"server_url": OIDC_ISSUER},
                }
            ],
        }
    }
    if OIDC_ISSUER
    else {}
)

# --- Headers --------------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
PERMISSIONS_POLICY = (
    "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)"
)
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SILENCED_SYSTEM_CHECKS = [
    # HSTS for other hosts of the domain, and preloading, are decisions of the domain's owner, not of one program.
    "security.W005",
    "security.W021",
]
if not TLS:
    if INSECURE and not envbool("KASTELLAN_INSECURE", False):
        raise ImproperlyConfigured(
            f"KASTELLAN_HOST={HOST} without TLS would send passwords in clear. Keep 127.0.0.1, serve TLS "
            "(`./run up --tls`), or put a TLS proxy in front and set KASTELLAN_TRUSTED_PROXY=1."
        )
    # Plain http on loopback never leaves the machine: secure cookies, HSTS and redirects have nothing to protect.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "controlplane.accounts.authentication.TokenAuthentication",
        "controlplane.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["controlplane.accounts.authentication.HasActor"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "controlplane.core.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "controlplane.core.problem.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Kastellan API",
    "DESCRIPTION": "The control plane for Apache Kafka. Authenticate with `Authorization: Token kst_…`.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": True,
    "SERVE_PERMISSIONS": ["controlplane.accounts.authentication.HasActor"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "controlplane.accounts.models.RoleChoice",
        "OutcomeEnum": "controlplane.audit.models.Outcome",
        "BundleEnum": "controlplane.acls.serializers.BUNDLES",
        "JobStateEnum": "controlplane.jobs.models.JobState",
        "StepStateEnum": "controlplane.jobs.api.STEP_STATES",
        "ScopeEnum": "controlplane.accounts.api.SCOPES",
        "AlertStateEnum": "controlplane.alerts.models.AlertState",
        "NotificationStateEnum": "controlplane.alerts.models.NotificationState",
        "ReceiverKindEnum": "controlplane.alerts.models.ReceiverKind",
        "EventToneEnum": "controlplane.metrics.event_views.EVENT_TONES",
        "ClusterKindEnum": "controlplane.clusters.models.Kind",
        "ClusterColourEnum": "controlplane.clusters.models.Colour",
        "ConnectionSecurityEnum": "controlplane.clusters.models.ConnectionSecurity",
        "MetricSourceKindEnum": "controlplane.metrics.models.SourceKind",
        "TryStateEnum": "controlplane.clusters.registration_api.STEP_STATES",
        "SilenceStateEnum": "controlplane.alerts.serializers.SILENCE_STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "controlplane.core.schema.describe_headers",
        "controlplane.core.schema.close_request_bodies",
    ],
}

# --- Logs: to standard error, which the supervisor writes to data/logs ----------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "controlplane.core.logs.RequestIdFilter"}},
    "formatters": {
        "line": {
            "()": "controlplane.core.logs.UtcFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}
    },
    "root": {"handlers": ["console"], "level": envstr("KASTELLAN_LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
        # Addresses of chat services are secrets.
        **{key: {"level": "WARNING"} for key in ("httpx", "apprise", "urllib3")},
        "kafka": {"level": "WARNING"},
    },
}
