"""/api/v1/… Every operation of the REST API, explicitly."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from controlplane.accounts import api as accounts
from controlplane.acls import api as acls
from controlplane.acls import explain_api as acl_answers
from controlplane.acls.block_api import PrincipalBlockApi
from controlplane.alerts import amconfig_api as amconfig
from controlplane.alerts import api as alerts
from controlplane.alerts import file_api as alert_files
from controlplane.alerts import mute_api as muting
from controlplane.alerts import preview_api as alert_previews
from controlplane.alerts import routing_api as routing
from controlplane.alerts import rule_test_api as alert_tests
from controlplane.alerts import silence_api as silences
from controlplane.alerts import timeline_views as timeline
from controlplane.alerts.prometheus_urls import urlpatterns as prometheus_alert_urls
from controlplane.audit import api as audit
from controlplane.certificates import api as certificates
from controlplane.certificates import inventory_api as inventory
from controlplane.certificates import rotation_api as rotation
from controlplane.clusters import api as clusters
from controlplane.clusters import bundling_api as bundling
from controlplane.clusters import registration_api as registration
from controlplane.config import api_views
from controlplane.groups import api as groups
from controlplane.jobs import api as jobs
from controlplane.metrics import api as metrics
from controlplane.metrics import event_views as events
from controlplane.metrics import export_views as exports
from controlplane.metrics import forecast_views as forecasts
from controlplane.metrics import mbean_views as mbeans
from controlplane.metrics import source_api as sources
from controlplane.metrics.prometheus_urls import urlpatterns as prometheus_urls
from controlplane.quotas import api as quotas
from controlplane.records import api as records
from controlplane.replication import api as replication
from controlplane.replication import failover_api as failovers
from controlplane.service_accounts import api as service_accounts
from controlplane.topics import api as topics
from controlplane.users import api as kafka_users
from controlplane.workers import api as connect_workers

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", api_views.Root.as_view(), name="root"),
    path("schema/", api_views.Schema.as_view(), name="schema"),
    path("docs/", api_views.docs, name="docs"),
    path("clusters/", registration.ClustersApi.as_view(), name="clusters"),
    path("bundled-clusters/", bundling.BundledClustersApi.as_view(), name="bundled_clusters"),
    path("clusters/<slug:cluster>/bundled/", bundling.BundledClusterApi.as_view(), name="bundled_cluster"),
    path("connection-test/", registration.TryConnectionApi.as_view(), name="try_connection"),
    path("clusters/<slug:cluster>/", registration.ClusterApi.as_view(), name="cluster"),
    path("clusters/<slug:cluster>/test/", registration.TryClusterApi.as_view(), name="try_cluster"),
    path("clusters/<slug:cluster>/brokers/", clusters.BrokersApi.as_view(), name="brokers"),
    path("clusters/<slug:cluster>/connect/", include("controlplane.connect.api_urls")),
    path("clusters/<slug:cluster>/flows/", replication.FlowsApi.as_view(), name="flows"),
    path("clusters/<slug:cluster>/flows/<slug:source>/", replication.FlowApi.as_view(), name="flow"),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/act/", replication.FlowActApi.as_view(), name="flow_act"
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/compare/",
        replication.FlowCompareApi.as_view(),
        name="flow_compare",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/progress/",
        replication.FlowProgressApi.as_view(),
        name="flow_progress",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/failover/",
        failovers.FailoverApi.as_view(),
        name="failover",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/failover/step/",
        failovers.FailoverStepApi.as_view(),
        name="failover_step",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/failovers/",
        failovers.FailoverListApi.as_view(),
        name="failovers",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/failovers/<int:run>/",
        failovers.FailoverReportApi.as_view(),
        name="failover_report",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/freeze/",
        failovers.FreezeApi.as_view(),
        name="freeze",
    ),
    path(
        "clusters/<slug:cluster>/flows/<slug:source>/groups/",
        replication.FlowGroupsApi.as_view(),
        name="flow_groups",
    ),
    path(
        "clusters/<slug:cluster>/connect-worker/", connect_workers.WorkerApi.as_view(), name="connect_worker"
    ),
    path("clusters/<slug:cluster>/connect-worker/plugins/", include("controlplane.workers.plugin_api_urls")),
    path("clusters/<slug:cluster>/brokers/roll/", clusters.RollApi.as_view(), name="roll"),
    path("clusters/<slug:cluster>/brokers/<int:broker>/mbeans/", mbeans.MBeansApi.as_view(), name="mbeans"),
    path(
        "clusters/<slug:cluster>/brokers/<int:broker>/mbeans/read/", mbeans.MBeanApi.as_view(), name="mbean"
    ),
    path("clusters/<slug:cluster>/brokers/<int:broker>/", clusters.BrokerApi.as_view(), name="broker"),
    path(
        "clusters/<slug:cluster>/brokers/<int:broker>/configs/",
        clusters.BrokerConfigsApi.as_view(),
        name="broker_configs",
    ),
    path("clusters/<slug:cluster>/topics/", topics.TopicsApi.as_view(), name="topics"),
    path("clusters/<slug:cluster>/topics/<str:topic>/", topics.TopicApi.as_view(), name="topic"),
    path(
        "clusters/<slug:cluster>/topics/<str:topic>/configs/",
        topics.TopicConfigsApi.as_view(),
        name="topic_configs",
    ),
    path(
        "clusters/<slug:cluster>/topics/<str:topic>/partitions/",
        topics.TopicPartitionsApi.as_view(),
        name="topic_partitions",
    ),
    path("clusters/<slug:cluster>/topics/<str:topic>/records/", records.RecordsApi.as_view(), name="records"),
    path("clusters/<slug:cluster>/groups/", groups.GroupsApi.as_view(), name="groups"),
    # A group's name may hold any character, slashes too.
    path(
        "clusters/<slug:cluster>/groups/<path:group>/offsets/",
        groups.GroupOffsetsApi.as_view(),
        name="group_offsets",
    ),
    path("clusters/<slug:cluster>/groups/<path:group>/", groups.GroupApi.as_view(), name="group"),
    path("clusters/<slug:cluster>/users/", kafka_users.KafkaUsersApi.as_view(), name="kafka_users"),
    path(
        "clusters/<slug:cluster>/users/<path:user>/rotate/",
        kafka_users.KafkaUserRotateApi.as_view(),
        name="kafka_user_rotate",
    ),
    path("clusters/<slug:cluster>/users/<path:user>/", kafka_users.KafkaUserApi.as_view(), name="kafka_user"),
    path(
        "clusters/<slug:cluster>/certificates/",
        include(
            [
                path("", certificates.CertificatesApi.as_view(), name="certificates"),
                path("own/", inventory.OwnCertificatesApi.as_view(), name="own_certificates"),
                path("authorities/", inventory.AuthoritiesApi.as_view(), name="authorities"),
                path("authorities/<slug:purpose>/rotation/", rotation.RotationApi.as_view(), name="rotation"),
                path(
                    "authorities/<slug:purpose>/request/",
                    rotation.SigningRequestApi.as_view(),
                    name="signing_request",
                ),
                path("expiry/", inventory.ExpiryApi.as_view(), name="expiry"),
                path("watched/", inventory.WatchedEndpointsApi.as_view(), name="watched_endpoints"),
                path(
                    "watched/<int:endpoint>/", inventory.WatchedEndpointApi.as_view(), name="watched_endpoint"
                ),
                path(
                    "watched/<int:endpoint>/ask/",
                    inventory.AskWatchedApi.as_view(),
                    name="watched_endpoint_ask",
                ),
                path("truststores/<str:name>/", certificates.TruststoreApi.as_view(), name="truststore"),
                path("<str:serial>/", certificates.CertificateApi.as_view(), name="certificate"),
                path("<str:serial>/chain.pem", certificates.ChainApi.as_view(), name="certificate_chain"),
                path(
                    "<str:serial>/without-key.zip",
                    certificates.WithoutKeyApi.as_view(),
                    name="certificate_without_key",
                ),
                path("<str:serial>/renew/", certificates.RenewApi.as_view(), name="certificate_renew"),
                path("<str:serial>/revoke/", certificates.RevokeApi.as_view(), name="certificate_revoke"),
                path("<str:serial>/block/", certificates.BlockApi.as_view(), name="certificate_block"),
            ]
        ),
    ),
    path("clusters/<slug:cluster>/acls/", acls.AclsApi.as_view(), name="acls"),
    path("clusters/<slug:cluster>/acls/explain/", acl_answers.AclExplainApi.as_view(), name="acl_explain"),
    path("clusters/<slug:cluster>/acls/who/", acl_answers.WhoMayApi.as_view(), name="acl_who"),
    path("clusters/<slug:cluster>/acls/findings/", acl_answers.AclFindingsApi.as_view(), name="acl_findings"),
    path("clusters/<slug:cluster>/acls/import/", acls.AclImportApi.as_view(), name="acl_import"),
    path("clusters/<slug:cluster>/acls/export/", acls.AclExportApi.as_view(), name="acl_export"),
    path(
        "clusters/<slug:cluster>/acls/revert/<uuid:operation>/",
        acls.AclRevertApi.as_view(),
        name="acl_revert",
    ),
    path("clusters/<slug:cluster>/acls/block/", PrincipalBlockApi.as_view(), name="principal_block"),
    path("clusters/<slug:cluster>/acls/watch/", acls.AclWatchApi.as_view(), name="acl_watch"),
    path(
        "clusters/<slug:cluster>/service-accounts/",
        service_accounts.AccountsApi.as_view(),
        name="service_accounts",
    ),
    path(
        "clusters/<slug:cluster>/service-accounts/<path:account>/",
        service_accounts.AccountApi.as_view(),
        name="service_account",
    ),
    path("clusters/<slug:cluster>/quotas/", quotas.QuotasApi.as_view(), name="quotas"),
    path(
        "clusters/<slug:cluster>/quotas/revert/<uuid:operation>/",
        quotas.QuotaRevertApi.as_view(),
        name="quotas_revert",
    ),
    path("clusters/<slug:cluster>/quotas/effective/", quotas.EffectiveApi.as_view(), name="quotas_effective"),
    path("clusters/<slug:cluster>/quotas/clients/", quotas.ClientsApi.as_view(), name="quota_clients"),
    path("clusters/<slug:cluster>/quotas/observe/", quotas.ObserveApi.as_view(), name="quotas_observe"),
    path(
        "clusters/<slug:cluster>/prometheus/",
        include(([*prometheus_urls, *prometheus_alert_urls], "prometheus")),
    ),
    path("clusters/<slug:cluster>/timeline/", timeline.TimelineApi.as_view(), name="timeline"),
    path("clusters/<slug:cluster>/metrics/source/", sources.SourceApi.as_view(), name="metric_source"),
    path(
        "clusters/<slug:cluster>/metrics/source/test/",
        sources.TrySourceApi.as_view(),
        name="try_metric_source",
    ),
    path("clusters/<slug:cluster>/metrics/grafana/", exports.GrafanaApi.as_view(), name="grafana"),
    path(
        "clusters/<slug:cluster>/metrics/scrape-config/",
        exports.ScrapeConfigApi.as_view(),
        name="scrape_config",
    ),
    path("clusters/<slug:cluster>/metrics/events/", events.EventsApi.as_view(), name="events"),
    path("clusters/<slug:cluster>/metrics/forecasts/", forecasts.ForecastApi.as_view(), name="forecasts"),
    path("clusters/<slug:cluster>/metrics/charts/", metrics.ChartsApi.as_view(), name="charts"),
    path("clusters/<slug:cluster>/metrics/charts/<slug:chart>/", metrics.ChartApi.as_view(), name="chart"),
    path(
        "alerts/",
        include(
            [
                path("", alerts.AlertsApi.as_view(), name="alerts"),
                path("rules/", alerts.RulesApi.as_view(), name="alert_rules"),
                path("rules/preview/", alert_previews.PreviewApi.as_view(), name="alert_rule_preview"),
                path("rules/test/", alert_tests.RuleTestApi.as_view(), name="alert_rule_test"),
                path("rules/import/", alert_files.RuleImportApi.as_view(), name="alert_rule_import"),
                path("rules/export/", alert_files.RuleExportApi.as_view(), name="alert_rule_export"),
                path("rules/<int:rule>/", alerts.RuleApi.as_view(), name="alert_rule"),
                path("silences/", silences.SilencesApi.as_view(), name="silences"),
                path("silences/<uuid:silence>/", silences.SilenceApi.as_view(), name="silence"),
                path("receivers/", routing.ReceiversApi.as_view(), name="receivers"),
                path("receivers/<int:receiver>/", routing.ReceiverApi.as_view(), name="receiver"),
                path(
                    "receivers/<int:receiver>/test/", routing.ReceiverTestApi.as_view(), name="receiver_test"
                ),
                path("routes/test/", amconfig.RoutesTestApi.as_view(), name="alert_routes_test"),
                path("routes/export/", amconfig.RoutesExportApi.as_view(), name="alert_routes_export"),
                path("routes/import/", amconfig.RoutesImportApi.as_view(), name="alert_routes_import"),
                path("routes/mute-times/", muting.MuteTimesApi.as_view(), name="alert_mute_times"),
                path(
                    "routes/mute-times/words/",
                    muting.MuteTimeWordsApi.as_view(),
                    name="alert_mute_time_words",
                ),
                path("routes/", routing.RoutesApi.as_view(), name="alert_routes"),
                path("notifications/", routing.NotificationsApi.as_view(), name="notifications"),
                path(
                    "notifications/<int:notification>/",
                    routing.NotificationApi.as_view(),
                    name="notification",
                ),
                path(
                    "notifications/<int:notification>/replay/",
                    routing.ReplayApi.as_view(),
                    name="notification_replay",
                ),
                path("<str:alert>/", alerts.AlertApi.as_view(), name="alert"),
                path("<str:alert>/acknowledge/", alerts.AcknowledgeApi.as_view(), name="alert_acknowledge"),
            ]
        ),
    ),
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
