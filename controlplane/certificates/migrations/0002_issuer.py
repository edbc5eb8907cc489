"""Who issued a certificate, from the chain that was handed out with it; and when an authority was dropped."""

from __future__ import annotations

import controlplane.certificates.models
import django.db.models.deletion
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.db import migrations, models


def fill(apps, schema_editor):
    for row in apps.get_model("certificates", "Certificate").objects.filter(issuer="").iterator():
        row.issuer = _issuer(row.chain_pem)
        row.save(update_fields=["issuer"])


def _issuer(chain_pem):
    if "-----BEGIN CERTIFICATE" not in chain_pem:
        return ""
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    if len(chain) > 1:
        return chain[1].fingerprint(hashes.SHA256()).hex()
    found = chain[0].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    return (found or b"").hex()


class Migration(migrations.Migration):

    dependencies = [
        ("certificates", "0001_initial"),
        ("clusters", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="certificate",
            name="issuer",
            field=models.CharField(
                blank=True,
                default="",
                help_text="SHA-256 of the issuing certificate; its key id where the root issues.",
                max_length=64,
            ),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(fields=["cluster", "issuer"], name="certificate_cluster_b7c2cb_idx"),
        ),
        migrations.CreateModel(
            name="DroppedAuthority",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("root_pem", models.TextField(validators=[controlplane.certificates.models.public_only])),
                ("dropped_at", models.DateTimeField()),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dropped_authorities",
                        to="clusters.cluster",
                    ),
                ),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
