"""Jobs of flows from before a job could be about two clusters are told of their source."""

from django.db import migrations


def tell(apps, schema_editor):
    Job, Failover = apps.get_model("jobs", "Job"), apps.get_model("replication", "Failover")
    sources = dict(Failover.objects.values_list("pk", "source"))
    for job in Job.objects.filter(kind__in=("replication.compare", "replication.step"), also=""):
        source = job.args.get("source") or sources.get(job.args.get("run"), "")
        Job.objects.filter(pk=job.pk).update(also=source)


class Migration(migrations.Migration):

    dependencies = [
        ("replication", "0003_denied"),
        ("jobs", "0003_also"),
    ]

    operations = [migrations.RunPython(tell, migrations.RunPython.noop)]
