from __future__ import annotations

from controlplane.cli.console import human_bytes, progress_text


def test_bytes_are_shown_in_decimal_units() -> None:
    assert [human_bytes(n) for n in (0, 999, 1500, 43_000_000, 2_500_000_000)] == [
        "0 B", "999 B", "1.5 kB", "43.0 MB", "2.5 GB",
    ]  # fmt: skip


def test_a_resumed_download_shows_the_rate_of_this_run_only() -> None:
    text = progress_text("Fetching", 50_000_000, 100_000_000, fetched=10_000_000, seconds=10)
    assert "50.0 MB / 100.0 MB" in text
    assert "1.0 MB/s" in text
    assert "ETA 50 s" in text
