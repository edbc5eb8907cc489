"""The shipped rules of what brokers stand on: disks, logs, the JVM. A table, and nothing else."""

from __future__ import annotations

from controlplane.alerts.shipped_kind import A_BROKER, BROKER, CRITICAL, INFO, WARNING, Shipped

#: The JVM of a Connect worker has the names of a broker's.
_HEAP = 'jvm_memory_used_bytes{area="heap",worker=""} / jvm_memory_max_bytes{area="heap",worker=""}'
_DISK_USED = "1 - kastellan_log_dir_usable_bytes / kastellan_log_dir_total_bytes"

RULES: tuple[Shipped, ...] = (
    Shipped(
        "LogDirectoryOffline", "kastellan_log_dir_online == 0", CRITICAL, "30s",
        f"{BROKER} has lost its log directory {{{{ $labels.dir }}}}",
        "The disk failed or is full. Mend or enlarge it, then restart the broker. Never delete segment files by hand.",
    ),
    Shipped(
        "OfflineLogDirectory", "kafka_log_logmanager_offlinelogdirectorycount > 0", CRITICAL, "1m",
        f"{BROKER} has lost a log directory", "The disk failed or is full. Its replicas are offline.",
    ),
    Shipped(
        "DiskSevenTenths", f"{_DISK_USED} > 0.7", INFO, "10m",
        f"A disk of {A_BROKER} is {{{{ $value | humanizePercentage }}}} full",
        "Nothing has to be done today. Look at what grows, and when it is full (Metrics, Forecasts).", "5m",
    ),
    Shipped(
        "DiskFilling", f"{_DISK_USED} > 0.85", WARNING, "10m",
        f"A disk of {A_BROKER} is {{{{ $value | humanizePercentage }}}} full",
        "Shorten retention, add a broker and move partitions, or enlarge the volume. Never delete segment files by hand.", "5m",
    ),
    Shipped(
        "DiskAlmostFull", f"{_DISK_USED} > 0.9", CRITICAL, "1m",
        f"A disk of {A_BROKER} is {{{{ $value | humanizePercentage }}}} full",
        "At the end the broker takes the directory offline, and with the last one itself. Never delete segment files by hand.", "5m",
    ),
    Shipped(
        "DiskFullInAnHour", f"predict_linear(kastellan_log_dir_usable_bytes[5m], 3600) < 0 and {_DISK_USED} > 0.5",
        CRITICAL, "30s", f"A disk of {A_BROKER} is full within an hour if it goes on like this",
        "By the last five minutes. Slow down or stop what writes so much (Quotas), or shorten retention of the topic that grows. "
        "Never delete segment files by hand.", "5m",
    ),
    Shipped(
        # Only of disks that are half full: a young cluster's first files would fill any disk by next week.
        "DiskFullInADay", f"predict_linear(kastellan_log_dir_usable_bytes[6h], 86400) < 0 and {_DISK_USED} > 0.5",
        WARNING, "30m", f"A disk of {A_BROKER} is full within a day if it goes on like this",
        "By the last six hours. Look for the topic that grows on the broker's page.",
    ),
    Shipped(
        "DiskFullInHours", f"predict_linear(kastellan_log_dir_usable_bytes[6h], 14400) < 0 and {_DISK_USED} > 0.5",
        CRITICAL, "30m", f"A disk of {A_BROKER} is full within four hours if it goes on like this",
        "By the last six hours. Look for the topic that grows on the broker's page.",
    ),
    Shipped(
        "LogFlushSlow", 'kafka_log_logflushstats_logflushrateandtimems{quantile="0.999"} > 2000', WARNING, "10m",
        f"Flushes of {A_BROKER} take {{{{ $value }}}} ms", "The disk is slow or saturated.",
    ),
    Shipped(
        "LogCleanerDead", "kafka_log_logcleaner_deadthreadcount > 0", CRITICAL, "5m",
        f"Compaction on {A_BROKER} has stopped", "Compacted topics grow without end until the broker is restarted.",
    ),
    Shipped(
        "LogCleanerStuck", "kafka_log_logcleanermanager_time_since_last_run_ms / 1000 > 600", WARNING, "5m",
        f"Compaction on {A_BROKER} has not begun a round for {{{{ $value | humanizeDuration }}}}",
        "It works on one very big partition, or hangs. Compacted topics grow meanwhile, the offsets of groups among them.",
    ),
    Shipped(
        "UncleanablePartitions", "kafka_log_logcleanermanager_uncleanable_partitions_count > 0", WARNING, "5m",
        f"{BROKER} cannot compact {{{{ $value }}}} partitions", "They grow without end. The cleaner's log names them.",
    ),
    Shipped(
        "HeapHigh", f"{_HEAP} > 0.8", WARNING, "5m",
        f"{BROKER} uses {{{{ $value | humanizePercentage }}}} of its heap", "Collections get longer and more frequent.", "5m",
    ),
    Shipped(
        "HeapExhausted", f"{_HEAP} > 0.9", CRITICAL, "5m",
        f"{BROKER} uses {{{{ $value | humanizePercentage }}}} of its heap", "It is about to stall or to die.", "5m",
    ),
    Shipped(
        "CpuHigh", "rate(process_cpu_seconds_total[2m]) / jvm_available_processors > 0.9", WARNING, "10m",
        f"{BROKER} uses {{{{ $value | humanizePercentage }}}} of its processors", "Requests wait for a turn.", "5m",
    ),
    Shipped(
        "GarbageCollection", 'sum by (cluster, broker) (rate(jvm_gc_collection_seconds_sum{worker=""}[5m])) > 0.05', WARNING, "5m",
        f"{BROKER} spends {{{{ $value | humanizePercentage }}}} of its time collecting garbage", "Everything waits meanwhile.", "5m",
    ),
    Shipped(
        "ThreadsDeadlocked", "jvm_threads_deadlocked > 0", CRITICAL, "2m",
        "{{ $value }} threads of {{ if $labels.worker }}Connect worker {{ $labels.worker }}{{ else }}broker {{ $labels.broker }}{{ end }}"
        " of {{ $labels.cluster }} wait for each other",
        "They never go on by themselves. Restart it; a thread dump from before (jstack) shows which they are.",
    ),
    Shipped(
        "FileDescriptors", 'process_open_fds{worker=""} / process_max_fds{worker=""} > 0.9', WARNING, "5m",
        f"{BROKER} uses {{{{ $value | humanizePercentage }}}} of its file descriptors",
        "At the limit it refuses connections and cannot open segments.",
    ),
)  # fmt: skip
