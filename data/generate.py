"""Simulates the benchmarks that ship with Compass and writes them to data/benchmarks.json.gz.

    python data/generate.py [--cache DIR] [--jobs N] [--output FILE]

The same pinned requirements (data/requirements.txt) give the same bytes: seeds come from names, the
date is a constant. What the figures are worth is in data/README.md.
"""

import argparse
import dataclasses
import hashlib
import json
import logging
import math
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow
from aisimulate.config.cli import CorePredictionConfig
from aisimulate.predict import run_prediction
from aisimulate.runner import EngineReplayRunnerFactory

DATA = Path(__file__).resolve().parent
SIMULATED_ON = "2026-11-23T00:00:00"

MAX_NUM_SEQS = 256
MAX_NUM_BATCHED_TOKENS = 8192
# vLLM keeps the KV cache in the model's own type unless told otherwise, also for FP8 weights.
KV_CACHE_DTYPE = "bf16"

FRACTIONS_OF_CAPACITY = ["0.10", "0.20", "0.35", "0.50", "0.57", "0.65", "0.74", "0.85"]
BOUNDS_FRACTION = "0.97"
# From half of the capacity up, a capacity read off the ladder is at most this far too low.
LARGEST_STEP = Decimal("1.15")

MIN_REQUESTS = 1000
# A row is accepted at MIN_WINDOW mean end-to-end latencies; runs are laid out for PLANNED_WINDOW.
MIN_WINDOW = 12
PLANNED_WINDOW = 20
MIN_SERVED_SHARE = 0.90
MAX_ATTEMPTS = 8

BACKLOG_REQUESTS = (768, 1792)
TRACE_BLOCK_TOKENS = 512


@dataclasses.dataclass(frozen=True)
class Model:
    repository: str
    # A configuration bundled with the simulator, or a folder in data/.
    simulated_as: str
    weight_dtype: str = "bf16"
    mixture: bool = False


@dataclasses.dataclass(frozen=True)
class Hardware:
    name: str
    simulated_as: str
    form_factor: str
    # The vLLM release on which the simulator's operator timings were taken.
    vllm_version: str


@dataclasses.dataclass(frozen=True)
class Profile:
    """Tokens of a request: normal, rounded, clipped to 1 .. twice the mean."""

    prompt_tokens: int
    prompt_tokens_stdev: int
    output_tokens: int
    output_tokens_stdev: int


# Dense models.
QWEN25_7B = Model("Qwen/Qwen2.5-7B-Instruct", "model_configs/Qwen2.5-7B-Instruct")
LLAMA_8B = Model("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B")
LLAMA_8B_FP8 = Model(
    "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic",
    "model_configs/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", weight_dtype="fp8")
QWEN_8B = Model("Qwen/Qwen3-8B", "Qwen/Qwen3-8B")
QWEN_14B = Model("Qwen/Qwen3-14B", "model_configs/Qwen3-14B")
MISTRAL_24B = Model(
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506",
    "model_configs/Mistral-Small-3.2-24B-Instruct-2506")
QWEN35_27B = Model("Qwen/Qwen3.5-27B", "Qwen/Qwen3.5-27B")
QWEN_32B = Model("Qwen/Qwen3-32B", "Qwen/Qwen3-32B")
QWEN_32B_FP8 = Model("Qwen/Qwen3-32B-FP8", "Qwen/Qwen3-32B-FP8", weight_dtype="fp8")
LLAMA_70B = Model("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/Meta-Llama-3.1-70B")
LLAMA_70B_FP8 = Model(
    "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic",
    "model_configs/Llama-3.3-70B-Instruct-FP8-dynamic", weight_dtype="fp8")
QWEN25_72B = Model("Qwen/Qwen2.5-72B-Instruct", "model_configs/Qwen2.5-72B-Instruct")
# Mixtures of experts.
GPT_OSS_20B = Model(
    "openai/gpt-oss-20b", "openai/gpt-oss-20b", weight_dtype="mxfp4", mixture=True)
GPT_OSS_120B = Model(
    "openai/gpt-oss-120b", "openai/gpt-oss-120b", weight_dtype="mxfp4", mixture=True)
QWEN_30B_A3B = Model(
    "Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen/Qwen3-30B-A3B", mixture=True)
QWEN_30B_A3B_FP8 = Model(
    "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "Qwen/Qwen3-30B-A3B-FP8", weight_dtype="fp8",
    mixture=True)
QWEN_235B_A22B_FP8 = Model(
    "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "Qwen/Qwen3-235B-A22B-FP8", weight_dtype="fp8",
    mixture=True)

A100 = Hardware("A100-80", "a100_sxm", "SXM", "0.14.0")
B200 = Hardware("B200", "b200_sxm", "SXM", "0.24.0")
H100 = Hardware("H100", "h100_sxm", "SXM", "0.24.0")
H200 = Hardware("H200", "h200_sxm", "SXM", "0.24.0")
L40S = Hardware("L40S", "l40s", "PCIe", "0.24.0")

PROFILES = [
    Profile(256, 64, 128, 32),
    Profile(512, 128, 256, 64),
    Profile(1024, 128, 1024, 128),
    Profile(2048, 256, 512, 128),
    Profile(4096, 512, 512, 128),
    Profile(10240, 1024, 1536, 256),
]

# GPUs of one replica (tensor parallel size): where the weights leave room for a useful KV cache.
MATRIX = {
    QWEN25_7B: {H100: [1, 2], H200: [1], B200: [1], A100: [1], L40S: [1]},
    LLAMA_8B: {H100: [1, 2], H200: [1, 2], B200: [1], A100: [1, 2], L40S: [1, 2]},
    LLAMA_8B_FP8: {H100: [1, 2], H200: [1], B200: [1]},
    QWEN_8B: {H100: [1, 2], H200: [1], B200: [1], A100: [1]},
    QWEN_14B: {H100: [1, 2], H200: [1, 2], B200: [1, 2], A100: [1, 2], L40S: [1, 2]},
    MISTRAL_24B: {H100: [1, 2, 4], H200: [1, 2], B200: [1, 2], A100: [1]},
    QWEN35_27B: {H100: [1, 2], H200: [1, 2], B200: [1, 2]},
    QWEN_32B: {H100: [2, 4], H200: [1, 2, 4], B200: [1, 2], A100: [2, 4], L40S: [2]},
    QWEN_32B_FP8: {H100: [1, 2, 4], H200: [1, 2, 4], B200: [1, 2]},
    LLAMA_70B: {H100: [4, 8], H200: [2, 4, 8], B200: [1, 2, 4, 8], A100: [4, 8]},
    LLAMA_70B_FP8: {H100: [2, 4, 8], H200: [1, 2, 4], B200: [1, 2, 4, 8]},
    QWEN25_72B: {H100: [4, 8], H200: [2, 4, 8], B200: [2, 4, 8]},
    GPT_OSS_20B: {H100: [1, 2], H200: [1], B200: [1]},
    GPT_OSS_120B: {H100: [1, 2, 4], H200: [1, 2, 4], B200: [1, 2]},
    QWEN_30B_A3B: {H100: [1, 2], H200: [1, 2], B200: [1]},
    QWEN_30B_A3B_FP8: {H100: [1, 2], H200: [1, 2], B200: [1]},
    QWEN_235B_A22B_FP8: {H100: [4], H200: [2, 4], B200: [2, 4]},
}

# Same model architecture, precision and GPU as measured samples; data/README.md has the figures.
ANCHORED = {(QWEN_32B, H100), *((LLAMA_70B_FP8, gpu) for gpu in (B200, H100, H200))}
# Dense models were checked on these: only here may a row stand near saturation.
CHECKED_HARDWARE = {B200, H100, H200}
UNCHECKED_HARDWARE = {A100}
# Architectures of which no measured sample was met: mixtures of experts, linear attention.
UNCHECKED_MODELS = {GPT_OSS_20B, QWEN_30B_A3B, QWEN_30B_A3B_FP8, QWEN_235B_A22B_FP8, QWEN35_27B}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One configuration under one traffic profile: what a ladder of rates belongs to."""

    model: Model
    hardware: Hardware
    gpus: int
    profile: Profile

    @property
    def name(self) -> str:
        model = self.model.repository.split("/")[1].lower()
        hardware = self.hardware.name.lower()
        tokens = f"{self.profile.prompt_tokens}x{self.profile.output_tokens}"
        return f"{model}_{hardware}x{self.gpus}_{tokens}"

    @property
    def seed(self) -> int:
        """One seed for a ladder, so that its rows differ by the rate and not by luck."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big")

    @property
    def validation_class(self) -> str:
        if self.hardware in UNCHECKED_HARDWARE or self.model in UNCHECKED_MODELS:
            return "none"
        return "anchored" if (self.model, self.hardware) in ANCHORED else "weak"

    @property
    def may_be_near_saturation(self) -> bool:
        return (self.hardware in CHECKED_HARDWARE
                and not self.model.mixture and self.model not in UNCHECKED_MODELS)

    def engine(self) -> dict:
        model = self.model.simulated_as
        parallelism = {"tensor": self.gpus}
        if self.model.mixture:
            # vLLM's default: tensor parallel experts too.
            parallelism["moe_tensor"] = self.gpus
        if (DATA / model).is_dir():
            model = str(DATA / model)
        return {
            "mode": "aggregated",
            "model": model,
            "hardware": self.hardware.simulated_as,
            "backend": "vllm",
            "workers": {
                "aggregated": {
                    "parallelism": parallelism,
                    "scheduler": {
                        "max_batched_tokens": MAX_NUM_BATCHED_TOKENS,
                        "max_sequences": MAX_NUM_SEQS,
                    },
                    "kv_cache": {"prefix_caching": False},
                    "timing": {"kvcache_quant_mode": "bfloat16"},
                }
            },
        }


class Simulator:
    """Runs traces, and remembers finished ones in a folder when it is given one."""

    SUMMARY = (
        [f"{statistic}_{latency}_ms" for latency in ("ttft", "tpot", "e2e_latency")
         for statistic in ("mean", "p90", "p95", "p99")]
        + ["completed_requests", "duration_ms", "request_throughput_rps",
           "output_throughput_tok_s", "total_input_tokens", "total_output_tokens"]
    )

    def __init__(self, cache: Path | None):
        self.cache = cache
        self.scratch = tempfile.TemporaryDirectory()

    def run(self, cell: Cell, rate: Decimal | None, requests: int) -> dict:
        """Serves `requests` arriving at `rate` per second (all at once without one)."""
        finished = None
        if self.cache:
            finished = self.cache / f"{cell.name}_{rate or 'backlog'}_{requests}.json"
            if finished.exists():
                return json.loads(finished.read_text())
        trace = Path(self.scratch.name) / "trace.jsonl"
        write_trace(trace, cell, rate, requests)
        config = CorePredictionConfig.model_validate({
            "traffic": {
                "source": {"type": "trace", "paths": [str(trace)], "format": "mooncake"},
                "load": {"type": "trace_timestamps"},
            },
            "engine": cell.engine(),
        })
        result = run_prediction(config, stack="engine", runner_factory=EngineReplayRunnerFactory())
        provenance = result.summary["prediction_provenance"]["aggregated"]
        if provenance["data_version"] != cell.hardware.vllm_version:
            sys.exit(f"{cell.name}: timings of vLLM {provenance['data_version']}, "
                     f"expected {cell.hardware.vllm_version}")
        summary = {key: result.summary[key] for key in self.SUMMARY}
        if summary["completed_requests"] != requests:
            sys.exit(f"{cell.name}: {summary['completed_requests']} of {requests} completed")
        if finished:
            partial = finished.with_suffix(".partial")
            partial.write_text(json.dumps(summary))
            partial.rename(finished)
        return summary


def write_trace(path: Path, cell: Cell, rate: Decimal | None, requests: int) -> None:
    """Poisson arrivals. Gaps and lengths have streams of their own: a longer or faster run of the
    same cell begins with the same requests."""
    profile = cell.profile
    gaps, prompts, outputs = (np.random.default_rng([cell.seed, stream]) for stream in range(3))
    arrivals_ms = np.zeros(requests)
    if rate is not None:
        arrivals_ms = np.cumsum(gaps.exponential(1.0, requests)) * (1000.0 / float(rate))
    prompt_tokens = clipped_normal(
        prompts, profile.prompt_tokens, profile.prompt_tokens_stdev, requests)
    output_tokens = clipped_normal(
        outputs, profile.output_tokens, profile.output_tokens_stdev, requests)
    next_block = 0
    with path.open("w") as file:
        for arrival, prompt, output in zip(arrivals_ms, prompt_tokens, output_tokens):
            blocks = -(-int(prompt) // TRACE_BLOCK_TOKENS)
            file.write(json.dumps({
                "timestamp": float(arrival),
                "input_length": int(prompt),
                "output_length": int(output),
                "hash_ids": list(range(next_block, next_block + blocks)),
            }) + "\n")
            next_block += blocks


def clipped_normal(rng: np.random.Generator, mean: int, stdev: int, count: int) -> np.ndarray:
    return np.clip(np.rint(rng.normal(mean, stdev, count)), 1, 2 * mean).astype(int)


def saturation_rps(simulator: Simulator, cell: Cell) -> float:
    """Requests per second while the queue never empties: the additional requests of a longer
    backlog over its additional time, so that filling and draining cancel out."""
    fewer, more = BACKLOG_REQUESTS
    seconds = [simulator.run(cell, None, n)["duration_ms"] / 1000 for n in (fewer, more)]
    return (more - fewer) / (seconds[1] - seconds[0])


def rates(capacity_rps: float, fractions: list[str]) -> list[Decimal]:
    """Offered rates, three significant digits, no step above half of the capacity too wide."""
    ladder = [Decimal(f"{capacity_rps * float(fraction):.3g}") for fraction in fractions]
    for index in reversed(range(fractions.index("0.50"), len(ladder) - 1)):
        unit = Decimal(1).scaleb(ladder[index].adjusted() - 2)
        while ladder[index + 1] / ladder[index] > LARGEST_STEP:
            ladder[index] += unit
    return ladder


def served_share(summary: dict, rate: Decimal) -> float:
    return summary["request_throughput_rps"] / float(rate)


def window_in_e2es(summary: dict, rate: Decimal, requests: int) -> float:
    """Length of the arrivals in mean end-to-end latencies."""
    return requests / float(rate) / (summary["mean_e2e_latency_ms"] / 1000)


def steady_run(simulator: Simulator, cell: Cell, rate: Decimal, e2e_s: float) -> dict | None:
    """A run long enough to be steady; `None` where none of the attempts is."""
    requests = max(MIN_REQUESTS, math.ceil(PLANNED_WINDOW * e2e_s * float(rate)))
    for _ in range(MAX_ATTEMPTS):
        summary = simulator.run(cell, rate, requests)
        window = window_in_e2es(summary, rate, requests)
        if window >= MIN_WINDOW and served_share(summary, rate) >= MIN_SERVED_SHARE:
            return summary
        requests = math.ceil(requests * max(1.25, PLANNED_WINDOW / window))
    return None


def ladder(simulator: Simulator, cell: Cell) -> list[dict]:
    """The rows of one cell, lowest rate first."""
    fractions = list(FRACTIONS_OF_CAPACITY)
    if cell.may_be_near_saturation:
        fractions.append(BOUNDS_FRACTION)
    capacity_rps = saturation_rps(simulator, cell)
    rows, e2e_s = [], 0.0
    for fraction, rate in zip(fractions, rates(capacity_rps, fractions)):
        summary = steady_run(simulator, cell, rate, e2e_s)
        bounds_only = fraction == BOUNDS_FRACTION
        if summary is None and bounds_only:
            continue
        if summary is None:
            sys.exit(f"{cell.name} at {rate}/s: not steady after {MAX_ATTEMPTS} attempts")
        e2e_s = summary["mean_e2e_latency_ms"] / 1000
        provenance = {
            "capacity_rps": significant(capacity_rps, 4),
            "fraction_of_capacity": float(fraction),
            "seed": cell.seed,
            "model_config": cell.model.simulated_as,
            "system": cell.hardware.simulated_as,
            "length_distribution": "clipped_normal",
        }
        if bounds_only:
            provenance["use"] = "above 0.85 of capacity: bounds a capacity, backs no recommendation"
        rows.append(row(cell, rate, summary, bounds_only, provenance))
    return rows


def row(cell: Cell, rate: Decimal, summary: dict, bounds_only: bool, provenance: dict) -> dict:
    """The columns of exported_summaries, and what they do not say under `evidence`."""
    profile, requests = cell.profile, summary["completed_requests"]
    columns = {
        "config_id": cell.name,
        "model_hf_repo": cell.model.repository,
        "type": "simulation",
    }
    for column, latency in (("ttft", "ttft"), ("itl", "tpot"), ("e2e", "e2e_latency")):
        for statistic in ("mean", "p90", "p95", "p99"):
            columns[f"{column}_{statistic}"] = round(summary[f"{statistic}_{latency}_ms"], 3)
    return columns | {
        "hardware": cell.hardware.name,
        "hardware_count": cell.gpus,
        "framework": "vllm",
        "framework_version": cell.hardware.vllm_version,
        "requests_per_second": float(rate),
        "responses_per_second": significant(summary["request_throughput_rps"], 6),
        "tokens_per_second": significant(summary["output_throughput_tok_s"], 6),
        "mean_input_tokens": round(summary["total_input_tokens"] / requests, 2),
        "mean_output_tokens": round(summary["total_output_tokens"] / requests, 2),
        "jbenchmark_created_at": SIMULATED_ON,
        "prompt_tokens": profile.prompt_tokens,
        "prompt_tokens_stdev": profile.prompt_tokens_stdev,
        "prompt_tokens_min": 1,
        "prompt_tokens_max": 2 * profile.prompt_tokens,
        "output_tokens": profile.output_tokens,
        "output_tokens_stdev": profile.output_tokens_stdev,
        "output_tokens_min": 1,
        "output_tokens_max": 2 * profile.output_tokens,
        "evidence": {
            "kind": "simulated",
            "arrival_process": "poisson",
            "requests_completed": requests,
            "requests_failed": 0,
            "requests_incomplete": 0,
            "duration_s": round(summary["duration_ms"] / 1000, 3),
            "itl_definition": "request_mean",
            "weight_dtype": cell.model.weight_dtype,
            "kv_cache_dtype": KV_CACHE_DTYPE,
            "prefix_sharing": 0,
            "max_num_seqs": MAX_NUM_SEQS,
            "max_num_batched_tokens": MAX_NUM_BATCHED_TOKENS,
            "gpu_form_factor": cell.hardware.form_factor,
            "client": "aisimulate",
            "client_version": version("aisimulate"),
            "validation_class": cell.validation_class,
            "bounds_only": bounds_only,
            "provenance": provenance,
        },
    }


def significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def cells() -> list[Cell]:
    return [
        Cell(model, hardware, gpus, profile)
        for model, sizes in MATRIX.items()
        for hardware, counts in sizes.items()
        for gpus in counts
        for profile in PROFILES
    ]


def write(path: Path, rows: list[dict]) -> None:
    """One row a line, so that a change shows as the lines that changed."""
    rows.sort(key=lambda row: (
        row["model_hf_repo"], row["hardware"], row["hardware_count"],
        row["prompt_tokens"], row["output_tokens"], row["requests_per_second"]))
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    text = ('{"format": "compass.benchmarks/v1", "source": "compass-simulation", "benchmarks": [\n'
            f"{lines}\n]}}\n").encode()
    if path.suffix == ".gz":
        # Of the pinned package, not of the interpreter's zlib: other builds give other bytes.
        text = pyarrow.Codec("gzip", compression_level=9).compress(text).to_pybytes()
    path.write_bytes(text)


_simulator = None


def start_worker(cache: Path | None) -> None:
    """A process of its own, with a scratch folder of its own."""
    global _simulator
    # The simulator warns that A100 and L40S use its default order of attention kernels.
    logging.disable(logging.WARNING)
    _simulator = Simulator(cache)


def simulate(cell: Cell) -> list[dict]:
    return ladder(_simulator, cell)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder outside the repository for finished runs")
    parser.add_argument("--jobs", type=int, default=1, help="processes; the result does not depend on it")
    parser.add_argument("--output", type=Path, default=DATA / "benchmarks.json.gz")
    arguments = parser.parse_args()
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    rows, todo = [], cells()
    with ProcessPoolExecutor(
            arguments.jobs, initializer=start_worker, initargs=[arguments.cache]) as workers:
        for number, (cell, ladder_rows) in enumerate(zip(todo, workers.map(simulate, todo)), 1):
            rows += ladder_rows
            print(f"{number}/{len(todo)} {cell.name}: {len(rows)} rows", file=sys.stderr, flush=True)
    write(arguments.output, rows)


if __name__ == "__main__":
    main()
