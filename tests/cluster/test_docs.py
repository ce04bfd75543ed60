"""The page about clusters: its configuration is what Ray Serve takes, its options are those that there are."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.cluster.serving import ServingOptions, application

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "cluster.md").read_text("utf-8")
yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def service() -> Any:
    return yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.S)[0])


def test_the_serve_configuration_is_what_ray_takes(service: Any) -> None:
    pytest.importorskip("ray.serve")
    from ray.serve.schema import ServeDeploySchema

    read = ServeDeploySchema.parse_obj(yaml.safe_load(service["spec"]["serveConfigV2"]))
    (app,) = read.applications
    assert (app.route_prefix, app.import_path) == ("/dub", "lipsync_edge.cluster:application")
    assert application(app.args)._bound_deployment.name == "dub"


def test_a_replica_fits_on_a_worker_and_nothing_runs_while_nobody_asks(service: Any) -> None:
    args = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"][0]["args"]
    options = ServingOptions(**{**args, "allow": tuple(args["allow"])})
    (group,) = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    container = group["template"]["spec"]["containers"][0]
    assert float(container["resources"]["limits"]["cpu"]) >= (options.cpus or 2)
    assert (group["minReplicas"], options.min_replicas) == (0, 0)
    assert service["spec"]["rayClusterConfig"]["enableInTreeAutoscaling"]


def test_every_option_is_named() -> None:
    table = PAGE.partition("| option of `deployment`")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) - {"run"} == {field.name for field in fields(ServingOptions)}
