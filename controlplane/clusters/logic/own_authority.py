"""An authority of one's own that somebody gives, for the TLS of one target only: what is wrong with it. Pure."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from controlplane.clusters.logic.connections import MOST_PEM, certificates

NO_PEM = "Not a certificate in PEM: it begins with -----BEGIN CERTIFICATE-----."


def tidy(pem: str) -> str:
    """As it is stored and compared."""
    text = pem.replace("\r\n", "\n").strip()
    return f"{text}\n" if text else ""


def problem(pem: str, now: datetime) -> str | None:
    """None where every certificate in it can vouch for a server and is valid; there may be several."""
    found = certificates(pem) if len(pem) <= MOST_PEM and pem.isascii() else ()
    if not found:
        return NO_PEM
    return next((said for each in found if (said := _problem(each, now))), None)


def _problem(certificate: x509.Certificate, now: datetime) -> str | None:
    name = certificate.subject.rfc4514_string() or "The certificate"
    if not _can_vouch(certificate):
        return f"{name} is no authority's certificate (CA:TRUE is missing): give the one that signed it."
    if now > certificate.not_valid_after_utc:
        return f"{name} ended on {certificate.not_valid_after_utc:%Y-%m-%d}: give the present one."
    if now < certificate.not_valid_before_utc:
        return f"{name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on only."
    return None


def _can_vouch(certificate: x509.Certificate) -> bool:
    """An authority's, or one that a server signed for itself: that vouches for this server alone."""
    if certificate.issuer == certificate.subject:
        return True
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
