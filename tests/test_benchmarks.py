"""The textbook implementation computes what the package computes; the benchmark counts and writes
what it says."""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from common import TINY
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import DeviceType
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import (
    bench,
    contestants,
    derivatives,
    flops,
    kernels,
    launches,
    plots,
    profiling,
    quoted,
    report,
    textbook,
    timing,
    workers,
)
from dcrw.model import forms
from dcrw.model.config import ModelConfig
from dcrw.model.layers import Heads, LSTMCell
from dcrw.model.writer import Writer, build, loss_terms
from dcrw.training.config import RunConfig, make_config
from dcrw.training.device import DeviceError, _flushes_denormals
from dcrw.training.engine import Engine
from study.numbers import Number
from study.style import save_figure

MODELS = list(textbook.MODELS)


def as_textbook(model: Writer, pick: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Our weights, or with another `pick` their gradients, under the textbook's names."""

    def head(name: str, heads: Heads, own: str) -> dict[str, Tensor]:
        rows = heads.rows()[own]
        return {
            f"{name}.weight": pick(heads.weight)[rows],
            f"{name}.bias": pick(heads.bias)[rows],
        }

    def lstm(name: str, cell: LSTMCell) -> dict[str, Tensor]:
        def reorder(gates: Tensor) -> Tensor:  # i, f, o, update to i, f, update, o
            admit, forget, emit, update = gates.chunk(4)
            return torch.cat([admit, forget, update, emit])

        weight = reorder(pick(cell.weight))
        return {
            f"{name}.weight_ih": weight[:, : -cell.hidden],
            f"{name}.weight_hh": weight[:, -cell.hidden :],
            f"{name}.bias_ih": reorder(pick(cell.bias)),
        }

    found = lstm("decoder", model.decoder)
    found |= head("patch", model.heads, "patch")
    found |= head("write_window", model.heads, "write_window")
    if model.config.facts.reads:
        found |= head("read_window", model.heads, "read_window")
    for name in ("mean", "log_sigma"):
        found |= head(name, model.encoder.posterior.heads, name)
    if hasattr(model.encoder, "lstm"):
        return found | lstm("encoder", model.encoder.lstm)
    for place, layer in {"0": "first", "3": "second"}.items():
        convolution = getattr(model.encoder.features, layer)
        found[f"cnn.{place}.weight"] = pick(convolution.weight)
        found[f"cnn.{place}.bias"] = pick(convolution.bias)
    return found


def twin(model: Writer, epsilon: float = 0.0) -> textbook.Drawer:
    """The textbook's model with our weights; the second bias of its LSTMs is zero and stays so."""
    sizes = model.config.model_dump(include=set(contestants.SIZES))
    slow = textbook.MODELS[model.config.architecture](**sizes, epsilon=epsilon)
    slow = slow.to(next(model.parameters()).dtype)
    names = set(dict(slow.named_parameters()))
    weights = {
        name: value.detach().clone() for name, value in as_textbook(model, lambda p: p).items()
    }
    second = {name for name in names if name.endswith("bias_hh")}
    assert set(weights) == names - second
    with torch.no_grad():
        for name, parameter in slow.named_parameters():
            parameter.copy_(weights.get(name, torch.zeros_like(parameter)))
            parameter.requires_grad_(name not in second)
    return slow


@pytest.mark.parametrize("sizes", [TINY, {}], ids=["tiny", "paper"])
@pytest.mark.parametrize("architecture", MODELS)
def test_textbook_equals_the_package(architecture: str, sizes: dict[str, int]) -> None:
    config = ModelConfig(architecture=architecture, **sizes)
    torch.manual_seed(0)
    model = build(config).double()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    slow = twin(model)
    images = torch.rand(3, config.image_size, config.image_size, dtype=torch.float64)
    noise = torch.randn(config.steps, 3, config.latent_size, dtype=torch.float64)

    terms = loss_terms(model, images, noise)
    ours = terms.reconstruction.mean(), terms.latent.sum(0).mean()
    theirs = slow(images.unsqueeze(1), noise)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-10)

    sum(ours).backward()
    sum(theirs).backward()
    gradients = as_textbook(model, lambda parameter: parameter.grad)
    for name, parameter in slow.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(
                gradients[name],
                parameter.grad,
                rtol=1e-9,
                atol=1e-10,
                msg=lambda m, n=name: f"{n}: {m}",
            )


SMALL = TINY | {"steps": 2, "latent_size": 3, "hidden_size": 16}
BATCH, ITERATIONS = 10, 200


def digits() -> Tensor:
    """200 digits at 12 x 12, uint8."""
    images = contestants.images_of(28)[:200].unsqueeze(1).float()
    return F.interpolate(images, size=(12, 12), mode="area").squeeze(1).round().to(torch.uint8)


def small(architecture: str) -> RunConfig:
    return make_config(
        {
            "name": "small",
            "model": SMALL | {"architecture": architecture},
            "training": {"batch_size": BATCH, "clip_scope": "none", "seed": 1},
        }
    )


def batches(iterations: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    shape = (iterations, SMALL["steps"], BATCH, SMALL["latent_size"])
    order = generator.integers(0, 200, (iterations, BATCH))
    return order, generator.standard_normal(shape, dtype=np.float32)


def train_ours(trainer: Engine, iterations: int) -> np.ndarray:
    """(iterations, 2) losses."""
    dtype = torch.get_default_dtype()
    steps = [
        trainer.iterate(indices, torch.as_tensor(noise).to(dtype).numpy()).clone()
        for indices, noise in zip(*batches(iterations), strict=True)
    ]
    return torch.stack(steps).double().numpy()


def train_slow(slow: textbook.Drawer, images: Tensor, iterations: int) -> np.ndarray:
    """(iterations, 2) losses, on the same images under the same noise; nothing is clipped."""
    weights = [parameter for parameter in slow.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-3, betas=(0.5, 0.999))
    found = []
    for indices, noise in zip(*batches(iterations), strict=True):
        x = images[indices].to(weights[0].dtype).unsqueeze(1) / 255
        losses = slow(x, torch.as_tensor(noise).to(x.dtype))
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
        found.append([loss.item() for loss in losses])
    return np.array(found)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("architecture", MODELS)
def test_training_equals_the_textbook_in_double_precision(architecture: str) -> None:
    trainer, images = Engine(small(architecture), digits(), torch.device("cpu")), digits()
    slow = twin(trainer.model)
    ours, theirs = train_ours(trainer, 50), train_slow(slow, images, 50)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("architecture", MODELS)
def test_training_stays_within_the_spread_of_the_textbook(architecture: str) -> None:
    """Rounding flips the sign that a ReLU or a pooling looks at, and then trajectories part; by how
    much is seen where the textbook starts from weights that differ by a thousandth.

    Without its epsilon: that makes filters vanish which lie far outside the image.
    """
    trainer, images = Engine(small(architecture), digits(), torch.device("cpu")), digits()
    slow, near = twin(trainer.model, 1e-30), twin(trainer.model, 1e-30)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in near.parameters():
            parameter.mul_(1 + 1e-3 * torch.randn_like(parameter))
    ours = train_ours(trainer, ITERATIONS)
    first, second = (train_slow(model, images, ITERATIONS) for model in (slow, near))
    assert first[-20:].sum(1).mean() < 0.8 * first[0].sum()
    spread = np.abs(first - second).mean(0)
    assert (spread < 0.01 * first[-1].sum()).all()
    assert (np.abs(ours - first).mean(0) < spread + 0.02).all()


@pytest.mark.parametrize("architecture", MODELS)
def test_textbook_trains_from_its_loader(architecture: str) -> None:
    model = textbook.MODELS[architecture](**TINY)
    steps = textbook.train(model, digits()[:25], 10, torch.device("cpu"))
    losses = np.array([next(steps) for _ in range(60)])  # two batches an epoch
    assert losses.shape == (60, 2)
    assert np.isfinite(losses).all()
    assert losses[-5:].sum(1).mean() < losses[:5].sum(1).mean()


def counted(run: Callable[[], Tensor]) -> int:
    def added(_total: Any, rows: Any, weight: Any, **_options: Any) -> int:
        return 2 * rows[0] * rows[1] * weight[1]

    in_place = {torch.ops.aten.addmm_: added}  # which torch leaves out
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        run().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("sizes", [TINY, {}, {"image_size": 33, "read_size": 9}], ids=str)
@pytest.mark.parametrize("architecture", MODELS)
def test_flops_are_those_that_torch_counts(architecture: str, sizes: dict[str, int]) -> None:
    config, batch = ModelConfig(architecture=architecture, **sizes), 3
    images = torch.rand(batch, config.image_size, config.image_size)
    noise = torch.randn(config.steps, batch, config.latent_size)
    slow = textbook.MODELS[architecture](**config.model_dump(include=set(contestants.SIZES)))
    expected = flops.iteration_flops(config, batch)
    assert counted(lambda: sum(slow(images.unsqueeze(1), noise))) == expected

    model = build(config)

    def ours() -> Tensor:
        terms = loss_terms(model, images, noise)
        return terms.reconstruction.sum() + terms.latent.sum()

    if not sizes:  # at small sizes what fusing adds to the products is not small
        assert counted(ours) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize(
    "change", [{"architecture": "conv-vae", "steps": 1}, {"pooling": "drop-border"}], ids=str
)
def test_flops_refuse_what_they_do_not_count(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        flops.iteration_flops(ModelConfig(**change), 1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "cpu"
    settings = bench.Settings(
        base=TINY | {"batch_size": 4},
        scaling={"batch_size": (6,), "steps": (2,)},
        rounds=3,
        scaling_rounds=2,
        warm_up=1,
        seconds=0.001,
        matrix_size=64,
        memory_rounds=0,
        option_rounds=2,
        precision_iterations=10,
        profile_batches=(4,),
        profile_iterations=1,
    )
    bench.measure_options(settings, torch.device("cpu"), 1, folder)
    bench.measure(settings, torch.device("cpu"), 1, folder)
    each = derivatives.Settings(base=settings.base, rounds=2, warm_up=1, seconds=0.001)
    derivatives.measure(each, torch.device("cpu"), folder)
    return folder


def test_benchmark_writes_its_tables(measured: Path) -> None:
    assert {path.name for path in measured.iterdir()} == {
        "speed.csv",
        "scaling.csv",
        "ratios.csv",
        "options.csv",
        "options.json",
        "launches.csv",
        "derivatives.csv",
        "derivatives.json",
        "precision.csv",
        "profile.csv",
        "machine.json",
    }
    speed, scaling, ratios = (
        pd.read_csv(measured / f"{name}.csv") for name in ("speed", "scaling", "ratios")
    )
    assert set(zip(speed.model, speed.implementation, strict=True)) == set(
        itertools.product(MODELS, contestants.IMPLEMENTATIONS)
    )
    assert len(scaling) == 3 * len(speed)
    for table in (speed, scaling):
        assert (table.lower <= table.iterations_per_second).all()
        assert (table.iterations_per_second <= table.upper).all()
        assert (table.gflop > 0).all() and (table.share > 0).all()
    assert (speed["rounds"] == 3).all() and (speed.batch_size == 4).all()
    assert set(scaling.batch_size) == {4, 6} and set(scaling.steps) == {2, 3}
    assert ratios.groupby(["quantity", "against"]).size().to_dict() == {
        ("speed", "textbook"): 9,
        ("speed", "textbook-prepared"): 9,
        ("share", "matrix-product"): 6,
    }
    assert (ratios.lower <= ratios.value).all() and (ratios.value <= ratios.upper).all()


def test_benchmark_describes_its_machine(measured: Path) -> None:
    machine = json.loads((measured / "machine.json").read_text())
    assert machine["device"].keys() >= {"type", "name", "threads", "cores", "instructions"}
    assert machine["software"].keys() >= {"commit", "torch", "python"}
    assert machine["matrix_product"]["gflop_per_second"] > 0
    assert machine["settings"]["base"]["batch_size"] == 4
    alone = json.loads((measured / "derivatives.json").read_text())
    assert alone["device"] == machine["device"] and alone["software"] == machine["software"]
    assert alone["settings"]["rounds"] == 2 and alone["clock"] == "process_time"
    options = json.loads((measured / "options.json").read_text())
    assert options["device"] == machine["device"] and options["software"] == machine["software"]
    if timing.PROC_STAT.exists():
        for record in (machine, alone):
            assert 0 <= record["cores_busy_with_other_work"] <= os.cpu_count()


def test_benchmark_prints_the_ratios_at_the_base_sizes_last(measured: Path) -> None:
    lines = bench.report(pd.read_csv(measured / "ratios.csv")).splitlines()
    assert len(lines) == 24
    assert ["batch 4, T 3," in line for line in lines] == [False] * 15 + [True] * 9
    assert all(line.endswith("as fast as the textbook") for line in lines[-3:])
    assert all(line.endswith("with denormals flushed") for line in lines[-6:-3])


def test_pages_say_which_device_was_measured(measured: Path) -> None:
    found = report.load(measured.parent)
    assert [entry.device for entry in found] == ["cpu"]
    text = report.statement(found)
    assert "CPU measured" in text and "No GPU has been measured yet." in text
    assert "`make gpu` measures it" in text
    assert "No CPU has been measured yet" in report.statement([])


def test_tables_and_figure_are_made_from_the_files(measured: Path, tmp_path: Path) -> None:
    (entry,) = report.load(measured.parent)
    assert report.speed_table(entry).shape == (9, 6)
    for against in ("textbook", "textbook-prepared"):
        ratios = report.ratio_table(entry, against)
        assert list(ratios) == [*report.AXES.values(), *report.NAMES.values()]
        assert ratios.notna().all(axis=None) and len(ratios) == 3
    assert list(report.share_table(entry)["batch"]) == [4, 6]
    options = report.option_table(entry)
    assert list(options["option"]) == list(report.OPTIONS.values())[1:]
    assert (options[list(report.NAMES.values())] > 0).all(axis=None)
    assert list(report.precision_table(entry)["products in"][:3]) == [
        "float32",
        "bfloat16",
        "float32",
    ]
    profile = report.profile_table(entry, 4)
    assert list(profile["ms (calls)"][-2:]) == ["sum", "the arithmetic at full rate"]
    save_figure(plots.speed_figure(entry), tmp_path / "speed")
    assert (tmp_path / "speed.png").stat().st_size > 1000


def test_what_was_not_measured_is_left_out(measured: Path, tmp_path: Path) -> None:
    """On a GPU there is neither a profile nor a comparison of precisions."""
    folder = shutil.copytree(measured, tmp_path / "cuda")
    for name in ("profile", "precision", "launches", "derivatives"):
        (folder / f"{name}.csv").unlink()
    (entry,) = report.load(tmp_path)
    assert report.profile_table(entry, 4) is None and report.precision_table(entry) is None
    assert report.launch_table(entry) is None and report.plain_table(entry) is None
    assert report.kernel_table(entry) is None
    assert report.plain_statement(entry) == "**GPU: not measured yet.**"
    assert not [key for key in quoted.numbers([entry], tmp_path) if ".launches." in key]
    assert report.option_table(entry) is not None
    assert "No CPU has been measured yet." in report.statement([entry])


def test_a_gpu_may_have_been_measured_elsewhere(measured: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(measured, tmp_path / "cuda")
    rows = [
        {"model": model, "runs": runs} | kernels.summary(work((0, 10), (15, 20)), 1)
        for model in MODELS
        for runs in (1, 8)
    ]
    pd.DataFrame(rows).to_csv(folder / "kernels.csv", index=False)
    found = report.load(measured.parent, tmp_path)
    assert [entry.device for entry in found] == ["cpu", "cuda"]
    assert "measured yet" not in report.statement(found)
    table = report.kernel_table(found[1])
    assert list(table["seeds"]) == [1, 8] * 3 and set(table["share of gaps"]) == {0.25}


@pytest.mark.parametrize("option", contestants.OPTIONS)
def test_options_leave_the_process_as_it_was(option: str) -> None:
    kinds = [getattr(torch.backends.mkldnn, name) for name in ("matmul", "conv")]

    def settings() -> list[object]:
        return [torch.get_num_threads(), *(kind.fp32_precision for kind in kinds)]

    before = settings()
    with contestants.under(option):
        assert forms._plain == set(contestants.PLAIN.get(option, ()))
        assert (settings()[1:] == ["bf16", "bf16"]) == (option == "bfloat16")
        assert torch.get_num_threads() == (1 if option == "one-thread" else before[0])
    assert settings() == before and not forms._plain


def test_several_seeds_count_as_so_many_runs(measured: Path) -> None:
    options = pd.read_csv(measured / "options.csv").set_index(["model", "option"])
    for model in MODELS:
        assert options.runs[model, "seeds"] == contestants.SEEDS
        assert options.ratio[model, "default"] == 1
    (entry, *_) = contestants.contestants(TINY | {"batch_size": 4})
    images = contestants.images_of(12)
    steps = contestants.training(entry._replace(option="seeds"), images, torch.device("cpu"))
    losses = next(steps)
    assert losses.shape == (contestants.SEEDS, 2) and len(set(losses[:, 0].tolist())) > 1


OWN = {  # the operations with derivatives written by hand that a model has
    "draw": {"windows", "glimpse", "stroke", "lstm_step"},
    "dcrw": {"windows", "glimpse", "stroke", "convolve_and_pool", "lstm_step"},
    "dcrw-write-only": {"windows", "convolve_and_pool", "lstm"},
}


def test_each_operation_of_a_model_is_measured_as_it_is_written(measured: Path) -> None:
    expected = {
        (model, option)
        for model, names in OWN.items()
        for option in ("plain", *(f"plain-{name}" for name in names))
    }
    for table in ("launches", "derivatives"):
        found = pd.read_csv(measured / f"{table}.csv")
        rows = found[found.option.isin(list(contestants.PLAIN))]
        assert set(zip(rows.model, rows.option, strict=True)) == expected, table
    (entry,) = report.load(measured.parent)
    shown, timed = report.launch_table(entry), report.plain_table(entry)
    assert list(shown["autograd's"]) == ["none", *report.WRITTEN.values()]
    assert list(timed["autograd's"]) == list(report.WRITTEN.values())
    for table in (shown, timed):
        row = table.set_index("autograd's").loc[report.WRITTEN["plain-lstm"]]
        assert (row != "").tolist() == [False, False, True]
    counted = pd.read_csv(measured / "launches.csv").set_index(["model", "option"])
    more = counted.operations["draw", "plain"] / counted.operations["draw", "default"] - 1
    cell = shown.set_index("autograd's")[report.NAMES["draw"]][report.WRITTEN["plain"]]
    assert cell.endswith(f"({more:+.1%})")
    words = report.plain_statement(entry)
    assert words.startswith("**CPU measured:**") and "2 rounds" in words and "process_time" in words
    times = pd.read_csv(measured / "derivatives.csv").set_index(["model", "option"])
    assert (times.lower <= times.time_ratio).all() and (times.time_ratio <= times.upper).all()
    cell = timed.set_index("autograd's")[report.NAMES["draw"]][report.WRITTEN["plain"]]
    assert float(cell.split()[0]) == pytest.approx(times.time_ratio["draw", "plain"], abs=6e-4)


def test_launches_are_what_computes_or_copies() -> None:
    weight = torch.ones(3, 3, requires_grad=True)
    with launches.Launches() as found:
        rows = torch.empty(3, 3).zero_().t().unsqueeze(0)[0]  # one: zero_
        (rows @ weight).sum().backward()  # mm and sum; ones, the sum's gradient; mm
    assert found.counts == {"zero_": 1, "mm": 2, "sum": 1, "ones_like": 1}


@pytest.mark.parametrize("architecture", MODELS)
def test_launches_grow_with_the_steps_and_not_with_the_pixels(architecture: str) -> None:
    def count(**sizes: int) -> int:
        return launches.launched(ModelConfig(architecture=architecture, **TINY | sizes)).total()

    per_step = count(steps=3) - count(steps=2)
    assert per_step > 0 and count(steps=6) == count(steps=3) + 3 * per_step
    assert count(image_size=20) == count(image_size=12)


@pytest.mark.parametrize("architecture", MODELS)
def test_written_by_hand_launches_less(architecture: str) -> None:
    config = ModelConfig(architecture=architecture)
    assert launches.launched(config).total() < launches.launched(config, "plain").total()


def test_denormals_are_flushed_where_the_process_is_prepared() -> None:
    with workers.started("cpu", 1) as both:
        flushing = {
            prepared: both._call(prepared, _flushes_denormals) for prepared in (True, False)
        }
    assert flushing == {True: True, False: False}


def test_every_operation_has_a_kind() -> None:
    assert profiling.kind_of("aten::bmm") == profiling.PRODUCTS
    assert profiling.kind_of("aten::convolution_backward") == profiling.CONVOLUTIONS
    assert profiling.kind_of("aten::sigmoid_backward") == "elementwise and sums"
    assert profiling.kind_of("aten::slice") == "views, autograd and Python"
    assert profiling.kind_of("_GlimpseBackward") == "views, autograd and Python"
    assert profiling.kind_of("aten::_fused_adam_") == "optimiser and clipping"


def test_numbers_name_their_source(measured: Path) -> None:
    named = quoted.numbers(report.load(measured.parent), measured.parent.parent)
    folder = f"{measured.parent.name}/cpu"
    ratios = pd.read_csv(measured / "ratios.csv")
    speed = ratios[(ratios.quantity == "speed") & (ratios.axis == "base")]
    first = speed[speed.against == "textbook"].set_index("model")
    number = named["speed.cpu.ratio.dcrw"]
    assert (number.value, number.source) == (first.value["dcrw"], f"{folder}/ratios.csv")
    assert number.n == 3
    assert {
        "speed.cpu.ratio.draw.batch_size_6",
        "speed.cpu.ratio_flushed.dcrw-write-only",
        "speed.cpu.share.dcrw",
        "speed.cpu.option.seeds.dcrw",
        "speed.cpu.launches.default.dcrw",
        "speed.cpu.launches.plain.dcrw-write-only",
    } <= named.keys()
    assert named["speed.cpu.threads"].value == 1


@pytest.mark.parametrize("implementation", ["dcrw", "textbook"])
def test_peak_memory_grows_with_the_batch(implementation: str) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from Linux's /proc")
    entries = [
        entry
        for batch in (10, 400)
        for entry in contestants.contestants({"batch_size": batch})
        if (entry.model, entry.implementation) == ("draw", implementation)
    ]
    (few,), (many,) = workers.memory(entries, 1, "cpu", 1).values()  # MiB
    assert 0 < few + 20 < many


def test_images_have_the_size_that_is_asked_for() -> None:
    assert contestants.images_of(56).shape == (contestants.IMAGES, 56, 56)
    assert contestants.images_of(28)[:3].float().mean() > 10


def test_measuring_leaves_the_process_as_it_was(measured: Path) -> None:
    smallest = torch.tensor(1e-310, dtype=torch.float64)
    assert (smallest * 1).item() > 0


def test_aims_are_reached_missed_or_not_measured() -> None:
    source = "results/benchmarks/cpu/ratios.csv"
    named = {
        "speed.cpu.ratio.draw": Number(2.0, source),
        "speed.cpu.ratio.dcrw": Number(1.994, source),
        "speed.cpu.share.draw.batch_size_400": Number(0.41, source),
    }
    table = report.aim_table(named)
    rows = table.set_index(["device", "aim"])[report.NAMES["draw"]].tolist()
    assert rows == ["2.00, reached", "0.41, reached", "not measured", "not measured"]
    assert table[report.NAMES["dcrw"]].tolist() == ["1.99, missed", *3 * ["not measured"]]


def test_on_a_gpu_only_seeds_are_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads and a CPU's precision would be measured there as if they did something."""
    seen = []

    def rates(entries, *_):
        seen.extend(entry.option for entry in entries)
        return {entry: [1.0] for entry in entries}, {}

    monkeypatch.setattr(bench, "_rates", rates)
    base = contestants.contestants({})
    for device, options in (
        ("cuda", ["default", "seeds"]),
        ("cpu", ["default", "one-thread", "bfloat16", "seeds"]),
    ):
        seen.clear()
        bench._measure_options(bench.ON_A_GPU, base, None, torch.device(device))
        assert seen == options * len(MODELS)


def work(*spans: tuple[float, float], name: str = "kernel") -> list[kernels.Work]:
    return [kernels.Work(name, start, end) for start, end in spans]


def test_kernels_and_the_gaps_between_them() -> None:
    """Two iterations of two kernels and a copy, in any order: 100 us, of which 55 are gaps."""
    events = work((0, 10), (60, 80), (25, 30), (90, 100))
    events += work((35, 35), (80, 80), name="Memcpy HtoD (Pinned -> Device)")
    found = kernels.summary(events[::-1], 2)
    assert (found["kernels"], found["copies"]) == (2, 1)
    assert found["milliseconds"] == pytest.approx(0.05)
    assert found["busy_milliseconds"] == pytest.approx(0.0225)
    assert found["gap_share"] == pytest.approx(0.55)
    assert found["gap_microseconds"] == pytest.approx(10)  # of 15, 5, 25, 0 and 10
    with pytest.raises(ValueError, match="nothing was recorded"):
        kernels.summary([], 2)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1))
def test_kernels_that_overlap_are_not_counted_twice(spans: list[tuple[int, int]]) -> None:
    found = kernels.summary(work(*((start, start + length) for start, length in spans)), 1)
    covered = {tick for start, length in spans for tick in range(start, start + length)}
    assert found["busy_milliseconds"] * 1000 == pytest.approx(len(covered))
    assert found["kernels"] == len(spans)
    assert found["busy_milliseconds"] <= found["milliseconds"] + 1e-9


def test_only_what_the_gpu_did_counts() -> None:
    def event(name: str, device: DeviceType, named: bool = False) -> SimpleNamespace:
        span = SimpleNamespace(start=1.0, end=2.0)
        return SimpleNamespace(
            name=name, device_type=device, is_user_annotation=named, time_range=span
        )

    events = [
        event("aten::add", DeviceType.CPU),
        event("add_kernel", DeviceType.CUDA),
        event("Optimizer.step#Adam.step", DeviceType.CUDA, named=True),
    ]
    assert [each.name for each in kernels.on_the_gpu(events)] == ["add_kernel"]


def test_kernels_need_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no CUDA device is available"):
        kernels.main(["--results", str(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.cuda
def test_a_replayed_iteration_is_seen_kernel_by_kernel() -> None:
    """About one for each operation that is launched; libraries split and join some."""
    (entry, *_) = contestants.contestants(TINY | {"batch_size": 4})
    steps = contestants.training(entry, contestants.images_of(12), torch.device("cuda"))
    found = kernels.summary(kernels.recorded_work(steps, 10, 3), 10)
    assert found["kernels"] > 0.5 * launches.launched(entry.config.model).total()
    assert 0 < found["busy_milliseconds"] <= found["milliseconds"]
