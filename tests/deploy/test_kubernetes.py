"""The manifests: valid, within the restricted Pod Security Standard, and compatible with the Go picsync's."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest

from picsync.config import CREDENTIALS_PATHS
from picsync.run.scheduler import GRACE_S
from picsync.sync.tempfiles import DEFAULT_BUDGET_BYTES
from tests.deploy.manifests import K8S, ROOT, Manifest, kustomized, parse, read

OLDEST, NEWEST = "1.25", "1.34"
"""Kubernetes versions whose schemas the manifests are held against."""

DEPLOYMENT = read(K8S / "deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
VOLUMES = {volume["name"]: volume for volume in POD["volumes"]}
MOUNTS = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}


def size_bytes(quantity: str) -> int:
    found = re.fullmatch(r"(\d+)(Mi|Gi)", quantity)
    assert found, quantity
    return int(found[1]) * {"Mi": 1024**2, "Gi": 1024**3}[found[2]]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", ["deployment", "pvc", "networkpolicy"])
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    kubernetes_validate.validate(read(K8S / f"{name}.yaml"), version, strict=True)


def test_kustomize_builds_what_kubernetes_knows() -> None:
    built = kustomized()
    assert sorted(built) == ["Deployment", "NetworkPolicy", "PersistentVolumeClaim"]
    for document in built.values():
        assert document["metadata"]["namespace"] == "picsync"
        kubernetes_validate.validate(document, NEWEST, strict=True)


def test_kustomize_only_puts_the_cache_on_the_claim() -> None:
    built = kustomized()["Deployment"]
    cache = {"name": "picsync-cache", "persistentVolumeClaim": {"claimName": "picsync-cache"}}
    pod = built["spec"]["template"]["spec"]
    assert [volume for volume in pod["volumes"] if volume["name"] == "picsync-cache"] == [cache]
    assert {volume["name"]: volume for volume in pod["volumes"]} == VOLUMES | {"picsync-cache": cache}
    assert pod["containers"] == POD["containers"]
    assert read(K8S / "pvc.yaml")["metadata"]["name"] == "picsync-cache"


def test_the_prometheus_operators_kinds_can_be_switched_on(tmp_path: Path) -> None:
    folder = shutil.copytree(K8S, tmp_path / "k8s")
    file = folder / "kustomization.yaml"
    text = file.read_text("utf-8")
    on = re.sub(r"^#- (podmonitor|prometheusrule)\.yaml$", r"- \1.yaml", text, flags=re.MULTILINE)
    file.write_text(on, "utf-8")
    assert {"PodMonitor", "PrometheusRule"} <= set(kustomized(folder))


def test_the_pod_monitor_finds_the_metrics() -> None:
    monitor = read(K8S / "podmonitor.yaml")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in CONTAINER["ports"]}


def violations(pod: Manifest) -> list[str]:
    """Return what the restricted Pod Security Standard has against a pod: its controls, one by one."""
    shared = pod.get("securityContext", {})
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    found += [f"securityContext.{key}" for key in ("sysctls", "windowsOptions") if key in shared]
    kinds = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"}
    kinds |= {"projected", "secret", "name"}
    found += [f"volume {volume['name']}" for volume in pod["volumes"] if volume.keys() - kinds]
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        own = container.get("securityContext", {})
        both = shared | own
        claims = {
            "privileged": own.get("privileged", False) is False,
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "runAsNonRoot": both.get("runAsNonRoot") is True,
            "runAsUser": both.get("runAsUser") != 0,
            "seccompProfile": both.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "procMount": own.get("procMount", "Default") == "Default",
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{container['name']}: {claim}" for claim, holds in claims.items() if not holds]
    return found


def test_the_pod_is_within_the_restricted_standard() -> None:
    assert violations(POD) == []


@pytest.mark.parametrize("taken", ["runAsNonRoot", "seccompProfile"])
def test_the_check_of_the_standard_finds_what_is_missing(taken: str) -> None:
    context = {key: value for key, value in POD["securityContext"].items() if key != taken}
    assert violations(POD | {"securityContext": context}) == [f"picsync: {taken}"]


def test_the_pod_asks_for_less_than_the_standard_allows() -> None:
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"] is True
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsUser"] == 65532


def test_services_put_nothing_into_the_environment() -> None:
    """PICSYNC_PORT, which a Service called picsync brings, would be an unknown setting: exit code 2."""
    assert POD["enableServiceLinks"] is False


def test_only_one_runs_at_a_time_also_after_the_go_picsync() -> None:
    """Going from the default strategy to Recreate is refused unless the defaulted part is taken out."""
    assert DEPLOYMENT["spec"]["replicas"] == 1
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "Recreate", "rollingUpdate": None}
    assert kustomized()["Deployment"]["spec"]["strategy"] == {"type": "Recreate", "rollingUpdate": None}


def test_the_go_picsyncs_objects_keep_working() -> None:
    assert DEPLOYMENT["metadata"]["name"] == "picsync"
    assert DEPLOYMENT["spec"]["selector"] == {"matchLabels": {"app": "picsync"}}, "cannot be changed later"
    config, credentials = MOUNTS["/etc/picsync"], MOUNTS["/etc/picsync-credentials"]
    assert VOLUMES[config["name"]]["configMap"] == {"name": "picsync"}
    secret = {"secretName": "picsync-credentials", "defaultMode": 0o440}
    assert VOLUMES[credentials["name"]]["secret"] == secret
    assert CONTAINER["args"] == ["sync", "/etc/picsync/picsync.yaml"]
    assert "/etc/picsync-credentials" in {str(path.parent) for path in CREDENTIALS_PATHS}


def test_updates_of_the_configuration_arrive() -> None:
    assert not any("subPath" in mount for mount in MOUNTS.values())


def test_what_picsync_writes_to_is_a_volume_with_a_limit() -> None:
    assert {path for path, mount in MOUNTS.items() if not mount.get("readOnly")} == {"/data", "/tmp"}  # noqa: S108
    spool = size_bytes(VOLUMES["spool"]["emptyDir"]["sizeLimit"])
    cache = size_bytes(VOLUMES["picsync-cache"]["emptyDir"]["sizeLimit"])
    assert spool > DEFAULT_BUDGET_BYTES
    assert spool + cache <= size_bytes(CONTAINER["resources"]["limits"]["ephemeral-storage"])


def test_there_is_time_to_finish() -> None:
    assert POD["terminationGracePeriodSeconds"] > GRACE_S


def test_probes_use_the_port_that_picsync_listens_on() -> None:
    (port,) = CONTAINER["ports"]
    assert port["name"] == "metrics"
    assert {"name": "PICSYNC_PROMETHEUS__LISTEN", "value": f":{port['containerPort']}"} in CONTAINER["env"]
    paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in paths.items():
        assert CONTAINER[probe]["httpGet"] == {"path": path, "port": "metrics"}
    annotations = DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_network_policy_allows_scrapes_dns_and_https_only() -> None:
    policy = read(K8S / "networkpolicy.yaml")["spec"]
    assert policy["podSelector"] == DEPLOYMENT["spec"]["selector"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": "metrics"}]}]
    allowed = {(port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]}
    assert allowed == {("UDP", 53), ("TCP", 53), ("TCP", 443)}


def test_the_four_commands_name_what_the_manifests_use() -> None:
    text = (ROOT / "doc" / "kubernetes.md").read_text("utf-8")
    for command in (
        "kubectl create namespace picsync",
        "kubectl create configmap -n picsync picsync --from-file=picsync.yaml",
        "kubectl create secret -n picsync generic picsync-credentials --from-file=.picsync-credentials.yaml",
        "kubectl apply -n picsync -f k8s/deployment.yaml",
    ):
        assert command in text


def test_every_manifest_in_the_docs_is_valid_yaml() -> None:
    text = (ROOT / "doc" / "kubernetes.md").read_text("utf-8")
    for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL):
        assert parse(block)
