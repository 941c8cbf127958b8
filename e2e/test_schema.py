"""schemathesis over the OpenAPI document against the live server: what is sent as documented is accepted, what is
not is refused, and every answer is one that the document names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ironcage import EMAIL, PASSWORD

HERE = Path(__file__).parent
SEED = "20261122"
# Without it: the examples of the document and the values at every border, the same each time, in four minutes at
# most. With it: random ones besides, so many for each operation.
EXAMPLES = os.environ.get("IRON_SCHEMA_EXAMPLES")

# These change what the run itself stands on (its logins, its session, its tenant, limits for everybody), and are tried
# alone, each kind on a server of its own, so that nothing else is answered with 401 or 429 because of them.
SHAKING = {
    "logins": ["login", "refresh"],
    "sessions": ["logout", "change_password", "end_session"],
    "tenants": ["suspend_tenant", "delete_tenant"],
    "settings": [
        "change_system_settings",
        "change_system_settings_patch",
        "change_tenant_settings",
        "change_tenant_settings_patch",
        "put_config",
        "rollback_config",
    ],
}

# Checks that do not fit, and why.
UNFIT = {
    "positive_data_acceptance": "replaced by valid_data_is_accepted, which knows the rules that stand in no schema",
    "object_level_authorization": "needs a second person; crates/api/tests/it/owasp_access.rs has one",
}
# Operations that are not fuzzed, and why.
APART = {
    "get_metrics": "text for Prometheus, not JSON; refused or not by address",
    "open_approval_link": "a page for people, errors too; crates/api/tests/it/approvals.rs opens it",
    "decide_by_link": "a page for people, errors too; crates/api/tests/it/approvals.rs opens it",
}


def tried(server, *selection: str, report: Path) -> None:
    environment = server.environment() | {
        "SCHEMATHESIS_HOOKS": str(HERE / "schema_hooks.py"),
        "PYTHONPATH": str(HERE),
        "IRON_ADMIN_EMAIL": EMAIL,
        "IRON_ADMIN_PASSWORD": PASSWORD,
        "NO_COLOR": "1",
    }
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{server.url}/api/v1/openapi.json"]
    command += ["--url", server.url]
    if EXAMPLES:
        command += ["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES]
    else:
        command += ["--phases", "examples,coverage", "--max-time", "240"]
    command += ["--seed", SEED, "--checks", "all", "--exclude-checks", ",".join(UNFIT), "--warnings", "off", "--request-timeout", "60"]
    command += ["--generation-database", "none", *selection]
    with report.open("w") as out:
        code = subprocess.run(command, env=environment, cwd=server.folder, stdout=out, stderr=out).returncode
    said = report.read_text()
    assert code == 0, said[-20_000:]
    # It has really tried something.
    assert " passed" in said and server.process.poll() is None, said[-4_000:]
    assert "panicked" not in server.log()


def test_the_server_does_what_its_document_says(embedded, tmp_path):
    apart = [name for names in SHAKING.values() for name in names] + list(APART)
    selection = [word for name in apart for word in ("--exclude-operation-id", name)]
    tried(embedded, *selection, report=tmp_path / "schema.txt")


@pytest.mark.parametrize("kind", SHAKING)
def test_so_do_the_operations_that_change_what_a_run_stands_on(embedded, tmp_path, kind):
    selection = [word for name in SHAKING[kind] for word in ("--include-operation-id", name)]
    tried(embedded, *selection, report=tmp_path / "schema.txt")
