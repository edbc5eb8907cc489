"""Mail by SMTP to a server that somebody named: resolved once, checked, and connected to at that very address.

As `outbound` does for HTTP; TLS still checks the server's name. What a server refuses for good is not tried again.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from controlplane.gateways.errors import AuthenticationFailed, InvalidRequest, Unreachable
from controlplane.gateways.outbound import Outbound

#: Of each of the half dozen steps of a delivery, and of all together: a server may answer byte by byte.
STEP_S = 4.0
TOTAL_S = 15.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """`security`: starttls, tls or none. No password goes over a line that is not encrypted."""

    host: str
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    sender: str
    to: Sequence[str]
    subject: str
    text: str
    message_id: str
    #: Of the group: mail programs show its messages as one conversation.
    thread: str = ""


def send(server: MailServer, mail: Mail, outbound: Outbound) -> None:
    """Raises errors of `gateways.errors`."""
    try:
        with _connected(server, outbound) as smtp:
            if server.security == "starttls":
                smtp.starttls(context=outbound.tls or ssl.create_default_context())
            if server.user:
                if server.security == "none":
                    raise InvalidRequest("A password is not sent over a connection that is not encrypted")
                smtp.login(server.user, server.password)
            smtp.send_message(message_of(mail), mail.sender, list(mail.to))
    except smtplib.SMTPAuthenticationError as error:
        raise AuthenticationFailed(f"{server.host} does not accept the password: {_said(error)}") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _judged(f"{server.host} refused every recipient ({codes[0]})", max(codes)) from error
    except smtplib.SMTPResponseException as error:
        raise _judged(f"{server.host} answered {_said(error)}", error.smtp_code) from error
    except smtplib.SMTPNotSupportedError as error:
        raise InvalidRequest(f"{server.host} cannot do it: {error}") from error
    except ssl.SSLError as error:
        raise AuthenticationFailed(f"The certificate of {server.host} is not accepted: {error}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(f"{server.host} could not be reached: {error}") from error


def message_of(mail: Mail) -> EmailMessage:
    found = EmailMessage()
    found["From"], found["To"] = mail.sender, ", ".join(mail.to)
    found["Subject"] = " ".join(mail.subject.split())
    found["Date"] = formatdate(usegmt=True)
    found["Message-ID"] = f"<{mail.message_id}@{mail.sender.rpartition('@')[2]}>"
    found["Auto-Submitted"] = "auto-generated"
    if mail.thread:
        found["References"] = f"<{mail.thread}@{mail.sender.rpartition('@')[2]}>"
    found.set_content(mail.text)
    return found


class _Pinned(smtplib.SMTP):
    """Connects to a checked address; the name stays for TLS."""

    def __init__(self, server: MailServer, address: str, tls: ssl.SSLContext | None) -> None:
        self._address, self._tls = address, tls
        self._line: socket.socket | None = None
        self._timer = threading.Timer(TOTAL_S, self._cut)
        self._timer.daemon = True
        self._timer.start()
        try:
            super().__init__(server.host, server.port, timeout=STEP_S)
        except BaseException:
            self.close()
            raise

    def _cut(self) -> None:
        """Whoever reads or writes then fails at once, TLS or not."""
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._timer.cancel()
        super().close()
        if self._line is not None:
            self._line.close()

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = socket.create_connection((self._address, port), timeout)
        self._line = plain.dup()  # stays ours when TLS takes the socket over
        return self._tls.wrap_socket(plain, server_hostname=host) if self._tls else plain


def _connected(server: MailServer, outbound: Outbound) -> smtplib.SMTP:
    tls = (outbound.tls or ssl.create_default_context()) if server.security == "tls" else None
    addresses = outbound.check(server.host, server.port)
    for place, address in enumerate(addresses):
        try:
            return _Pinned(server, address, tls)
        except OSError:
            if place == len(addresses) - 1:
                raise
    raise Unreachable(f"{server.host} has no address")


def _said(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{error.smtp_code} {' '.join(words.split())[:200]}"


def _judged(what: str, code: int) -> Unreachable | InvalidRequest:
    """4xx: later; 5xx: never."""
    return Unreachable(what) if 400 <= code < 500 else InvalidRequest(what)
