"""The boards as Grafana dashboards, and the files by which a Grafana finds them. Pure.

Grafana's documentation: "Dashboard JSON model" (schema 39), "Provision Grafana".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controlplane.metrics.boards import BOARDS
from controlplane.metrics.charts import Board, Chart, for_grafana

SCHEMA = 39
WIDTH, HEIGHT, PER_ROW = 12, 8, 2
#: Ours → Grafana's unit ids (decimal bytes, as our pages have them).
UNITS: Mapping[str, str] = {
    "bytes": "decbytes", "bytes/s": "Bps", "/s": "suffix:/s", "ms": "ms", "s": "s", "fraction": "percentunit", "cores": "short", "": "short",
}  # fmt: skip
#: A variable of a board → its label, and the query that lists its values.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "broker": ("Broker", "label_values(up, broker)"),
    "topic": ("Topic", "label_values(kafka_topic_partitions, topic)"),
    "group": ("Consumer group", "label_values(kafka_consumergroup_members, consumergroup)"),
    "source": ("Source cluster", "label_values(kastellan_flow_state, source)"),
    "connector": ("Connector", "label_values(kafka_connect_connector_status, connector)"),
    "user": ("User", "label_values(kafka_server_produce_byte_rate, user)"),
    "client": ("Client id", "label_values(kafka_server_produce_byte_rate, client_id)"),
}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
FOLDER = "/var/lib/grafana/dashboards/kastellan"


def dashboard(board: Board) -> dict[str, Any]:
    return {
        "uid": f"kastellan-{board.id}",
        "title": f"Kafka: {board.title}",
        "tags": ["kafka", "kastellan"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": SCHEMA,
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source(), *(_variable(name) for name in VARIABLES if _uses(board, name))]},
        "annotations": {"list": []},
        "panels": [_panel(place, chart) for place, chart in enumerate(board.charts)],
    }


def _uses(board: Board, variable: str) -> bool:
    return any(f"${variable}" in line.expr for chart in board.charts for line in chart.lines)


def _source() -> dict[str, Any]:
    return {
        "name": "datasource", "type": "datasource", "label": "Data source", "query": "prometheus",
        "hide": 0, "includeAll": False, "multi": False, "refresh": 1, "regex": "", "skipUrlSync": False,
    }  # fmt: skip


def _variable(name: str) -> dict[str, Any]:
    label, query = VARIABLES[name]
    return {
        "name": name, "type": "query", "label": label, "datasource": SOURCE,
        "query": {"query": query, "refId": f"variable-{name}"}, "hide": 0, "refresh": 2, "regex": "", "sort": 7,
        "multi": True, "includeAll": True, "allValue": ".*", "skipUrlSync": False,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def _panel(place: int, chart: Chart) -> dict[str, Any]:
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": chart.title,
        "description": chart.help,
        "datasource": SOURCE,
        "gridPos": {"x": place % PER_ROW * WIDTH, "y": place // PER_ROW * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": UNITS[chart.unit],
                "min": 0,
                "custom": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "spanNulls": False, "showPoints": "never"},
            },
            "overrides": [],
        },
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + at), "datasource": SOURCE, "editorMode": "code", "range": True,
                "expr": for_grafana(line.expr), "legendFormat": line.legend,
            }
            for at, line in enumerate(chart.lines)
        ],
    }  # fmt: skip


def files(cluster: str, url: str) -> dict[str, str]:
    """Path → text. `url` is the Prometheus API of the cluster as Grafana reaches it."""
    found = {
        f"dashboards/kastellan/{board.id}.json": json.dumps(dashboard(board), indent=2) + "\n"
        for board in BOARDS.values()
    }
    return {
        "README.txt": _README.format(cluster=cluster, folder=FOLDER),
        "provisioning/datasources/kastellan.yaml": _DATASOURCE.format(cluster=cluster, url=url),
        "provisioning/dashboards/kastellan.yaml": _PROVIDER.format(folder=FOLDER),
        **found,
    }


_DATASOURCE = """\
apiVersion: 1
datasources:
  - name: Kastellan {cluster}
    uid: kastellan-{cluster}
    type: prometheus
    access: proxy
    url: {url}
    jsonData:
      httpMethod: POST
      timeInterval: 10s
      prometheusType: Prometheus
      httpHeaderName1: Authorization
    secureJsonData:
      # A token that may view metrics, in Grafana's environment: KASTELLAN_TOKEN=kst_…
      httpHeaderValue1: Bearer $KASTELLAN_TOKEN
"""
_PROVIDER = """\
apiVersion: 1
providers:
  - name: Kastellan
    folder: Kafka
    type: file
    disableDeletion: true
    options:
      path: {folder}
"""
_README = """\
Kafka dashboards of Kastellan, cluster {cluster}.

1. Copy provisioning/ into Grafana's provisioning directory (/etc/grafana/provisioning).
2. Copy dashboards/kastellan/ to {folder}.
3. Give Grafana a token that may view metrics (./run token --role viewer): KASTELLAN_TOKEN in its environment.
4. Restart Grafana. The dashboards are in the folder Kafka.

One dashboard alone: Dashboards > New > Import, and a dashboards/kastellan/*.json.
"""
