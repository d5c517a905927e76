"""Asks the installed vLLM whether it accepts the arguments that Compass generates.

    python tests/vllm/accepts.py FILE...

Each container of the manifests that runs `vllm serve` has its arguments read and checked by that
version's own command line and its `AsyncEngineArgs`, without a GPU, a network or weights. A container
whose image is of another version is passed over. Exit code 1 where one is refused, or none was asked
about.
"""

import contextlib
import importlib.metadata
import io
import os
import re
import sys
from pathlib import Path

os.environ |= {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}

import yaml  # noqa: E402

COMMAND = ["vllm", "serve"]
# As in `vllm-openai:v0.19.0` and `vllm-openai:v0.19.0-company`.
RELEASE = re.compile(r":v?(\d+\.\d+\.\d+(\.\d+)?(\.post\d+)?)(?![.\w])")


def containers(file):
    """What runs vLLM, in Deployments and in KServe's LLMInferenceServices."""
    for document in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")):
        template = (document or {}).get("spec", {}).get("template", {})
        pod = template.get("spec", template)
        for container in pod.get("containers", []):
            if container.get("command") == COMMAND:
                yield f"{document['kind']} {document['metadata']['name']}", container


def instead_of_serving(do):
    """vLLM's own `main`, which calls `do` with the arguments it has read and checked."""
    from vllm import platforms
    from vllm.platforms.cpu import CpuPlatform

    # A default depends on there being some device.
    platforms.current_platform = CpuPlatform()
    try:
        from vllm.entrypoints.cli import main, serve
    except ImportError:  # before 0.8
        from vllm import scripts

        scripts.serve = do
        return scripts.main
    serve.ServeSubcommand.cmd = staticmethod(do)
    return main.main


class Accepted(Exception):
    """Ends vLLM where it would begin to serve."""


def build_engine_args(args):
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    # As `vllm serve` does.
    if getattr(args, "model_tag", None):
        args.model = args.model_tag
    AsyncEngineArgs.from_cli_args(args)
    # Many versions look at it only with the model at hand.
    if args.quantization not in (None, *QUANTIZATION_METHODS):
        raise ValueError(f"unknown quantization method: {args.quantization}")
    raise Accepted


def refusal(main, args):
    """What vLLM says against the arguments; nothing where it accepts them."""
    sys.argv = [*COMMAND, *args]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            main()
    except Accepted:
        return None
    except SystemExit:
        # Before it, argparse says how it is used.
        return said.getvalue().strip().rpartition("\n")[2] or "it ended and said nothing"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it ended and did not serve"


def judge(files):
    version = importlib.metadata.version("vllm").partition("+")[0]
    main = instead_of_serving(build_engine_args)
    accepted = refused = 0
    for file in files:
        for name, container in containers(file):
            release = RELEASE.search(container["image"])
            name = f"{file}: {name}"
            if release and release[1] != version:
                print(f"{name}: passed over, its image is of vLLM {release[1]}")
            elif message := refusal(main, container["args"]):
                refused += 1
                print(f"{name}: vLLM {version} refused {' '.join(container['args'])}\n    {message}")
            else:
                accepted += 1
                print(f"{name}: vLLM {version} accepted")
    print(f"vLLM {version}: {accepted} accepted, {refused} refused")
    return 0 if accepted and not refused else 1


if __name__ == "__main__":
    sys.exit(judge(sys.argv[1:]))
