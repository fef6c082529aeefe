"""Ask a Google Cloud project what it does differently from the local cloud, with a service made for it.

The service is deleted in the end. Its image must be open to the project and name its revision in its page or
a header, as Google's sample image does; requests go with the identity token of the connection's account.
"""

from __future__ import annotations

import argparse

from slipway.release.google_probe import Bounds, GoogleProbe

IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", help="Google Cloud project that may get a service for some minutes")
    parser.add_argument("region", help="region, such as us-central1")
    parser.add_argument("--image", default=IMAGE, help="(default: %(default)s)")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="variable that the image needs"
    )
    parser.add_argument(
        "--metrics-seconds",
        type=float,
        default=Bounds.metrics,
        help="how long requests may take to be readable (default: %(default)g)",
    )
    parser.add_argument(
        "--pause-seconds", type=float, default=Bounds.pause, help="between readings (default: %(default)g)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every answer; the exit code is 1 when one differs from the local cloud's."""
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.metrics.promql import PromQLHook

    bounds = Bounds(metrics=arguments.metrics_seconds, pause=arguments.pause_seconds)
    cloud_run = CloudRunTrafficHook()
    probe = GoogleProbe(
        cloud_run,
        PromQLHook(),
        project=arguments.project,
        region=arguments.region,
        image=arguments.image,
        env=dict(variable.split("=", 1) for variable in arguments.env),
        bounds=bounds,
    )
    print(f"service {probe.address}, deleted in the end")
    differs = 0
    try:
        for answer in probe.ask():
            differs += answer.differs
            mark = "differs" if answer.differs else "same"
            print(f"{mark:8}{answer.question}: {answer.here} (local cloud: {answer.stand_in})", flush=True)
    finally:
        cloud_run.close()
    return 1 if differs else 0
