# SPDX-License-Identifier: MIT
"""From the published layout to a model file: which tensors, which sizes, and what is refused."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from artfusion_export import bundle
from artfusion_export.__main__ import main
from artfusion_export.checkpoint import Checkpoint, CheckpointError, averaged
from artfusion_export.config import (
    ConfigError,
    Settings,
    autoencoder_shape,
    settings_from,
    unet_shape,
)
from artfusion_export.convert import Networks, build_networks, check_names, convert, load
from conftest import DATA, TINY_HEAD_CHANNELS, enlargements, run_export
from make_checkpoint import make_state, read_keys, schedule_tables

State = dict[str, torch.Tensor]
TINY = Settings(head_channels=TINY_HEAD_CHANNELS)


@pytest.fixture(scope="session")
def tiny_state() -> State:
    return make_state(DATA / "keys_tiny.tsv", seed=1)


def save(state: State, path: Path) -> Path:
    torch.save({"global_step": 3, "state_dict": state}, path)
    return path


def load_networks(path: Path, settings: Settings = TINY) -> Networks:
    with Checkpoint(path) as source:
        unet = unet_shape(source.shapes, settings)
        networks = build_networks(unet, autoencoder_shape(source.shapes))
        with torch.no_grad():
            for network in networks:
                for tensor in (*network.parameters(), *network.buffers()):
                    tensor.fill_(torch.nan)
        load(source, networks)
    return networks


# -- which tensors --------------------------------------------------------------------------


def test_averages_are_taken_and_every_weight_is_filled(
    tiny_checkpoint: Path, tiny_state: State
) -> None:
    networks = load_networks(tiny_checkpoint)
    unaveraged = 0
    for network in networks:
        for tensor in (*network.parameters(), *network.buffers()):
            assert not tensor.isnan().any()
        for key, slot in network.slots():
            assert torch.equal(slot, tiny_state[averaged(key)])
            if averaged(key) != key:
                unaveraged += 1
                assert not torch.equal(slot, tiny_state[key])
    assert unaveraged == sum(key.startswith(("model.", "null_style_vector.")) for key in tiny_state)


def test_averages_alone_are_enough(tmp_path: Path, tiny_state: State) -> None:
    pruned = {
        key: tensor
        for key, tensor in tiny_state.items()
        if not key.startswith(("model.", "null_style_vector."))
    }
    networks = load_networks(save(pruned, tmp_path / "pruned.ckpt"))
    assert torch.equal(networks.unet.conv_out.weight, tiny_state[AVERAGE])


RAW = "model.diffusion_model.out.conv.weight"
AVERAGE = "model_ema.diffusion_modeloutconvweight"
CHANGES: dict[str, tuple[Callable[[State], Any], str]] = {
    "a missing average": (
        lambda s: s.pop("model_ema.diffusion_modelmiddle_block1qkvweight"),
        "missing: model_ema.diffusion_modelmiddle_block1qkvweight",
    ),
    "a missing raw weight": (lambda s: s.pop(RAW), f"missing: {RAW}"),
    "a missing VGG layer": (
        lambda s: s.pop("vgg.slice3.12.bias"),
        "missing: vgg.slice3.12.bias",
    ),
    "a missing null style": (
        lambda s: s.pop("null_style_vector_ema.weight"),
        "missing: null_style_vector_ema.weight",
    ),
    "no latent scale": (lambda s: s.pop("scale_factors"), "missing: scale_factors"),
    "no betas": (lambda s: s.pop("betas"), "missing: betas"),
    "an extra tensor": (
        lambda s: s.update({"model.diffusion_model.label_emb.weight": torch.ones(2)}),
        "unexpected: model.diffusion_model.label_emb.weight",
    ),
    "a misshapen tensor": (
        lambda s: s.update({"vgg.slice1.0.weight": torch.ones(64, 3, 5, 5)}),
        r"of another shape: vgg.slice1.0.weight is \[64, 3, 5, 5\], should be \[64, 3, 3, 3\]",
    ),
    "a tensor of another shape but the same size": (
        lambda s: s.update({"null_style_vector_ema.weight": torch.ones(2944, 1)}),
        r"null_style_vector_ema.weight is \[2944, 1\], should be \[1, 2944\]",
    ),
    "three at once": (
        lambda s: (
            s.pop("vgg.slice1.0.bias"),
            s.update({"extra": torch.ones(1), "shift_values": torch.ones(8)}),
        ),
        r"missing: vgg.slice1.0.bias; unexpected: extra; of another shape: shift_values is \[8\]",
    ),
    "NaN": (
        lambda s: s.update({AVERAGE: torch.full_like(s[AVERAGE], torch.nan)}),
        f"{AVERAGE} holds NaN",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_each_wrong_tensor_is_named(kind: str, tmp_path: Path, tiny_state: State) -> None:
    change, message = CHANGES[kind]
    state = dict(tiny_state)
    change(state)
    with pytest.raises(CheckpointError, match=message):
        load_networks(save(state, tmp_path / "changed.ckpt"))


def _is_needed(key: str) -> bool:
    tables = schedule_tables().keys() - {"betas"}
    return key not in tables and not key.endswith(("ema.decay", "ema.num_updates"))


@pytest.mark.parametrize("first", range(4))
def test_any_tensor_may_be_the_missing_one(first: int, tiny_checkpoint: Path) -> None:
    """The error names it, or the tensor is one that nothing needs."""
    for key in sorted(read_keys(DATA / "keys_tiny.tsv"))[first::56]:
        with Checkpoint(tiny_checkpoint) as source:
            del source.tensors[key]
            try:
                unet = unet_shape(source.shapes, TINY)
                networks = build_networks(unet, autoencoder_shape(source.shapes))
                check_names(source, networks)
            except (CheckpointError, ConfigError) as error:
                assert key in str(error)
                continue
        assert not _is_needed(key)


def test_a_long_list_of_missing_tensors_is_cut(tmp_path: Path, tiny_state: State) -> None:
    state = {key: tensor for key, tensor in tiny_state.items() if not key.startswith("vgg.")}
    with pytest.raises(CheckpointError, match=r"missing: vgg\.slice1.* and 18 more$"):
        load_networks(save(state, tmp_path / "novgg.ckpt"))


# -- sizes ----------------------------------------------------------------------------------


def test_the_published_sizes_are_read_off_the_shapes() -> None:
    shapes = read_keys(DATA / "keys_full.tsv")
    unet, autoencoder = unet_shape(shapes, Settings()), autoencoder_shape(shapes)
    assert (unet.model_channels, unet.multipliers, unet.blocks) == (384, (1, 2), 2)
    assert (unet.latent_channels, unet.refined_channels, unet.style_width) == (16, 12, 2944)
    assert unet.attention == (True, True)
    assert (unet.time_channels, unet.embedding_channels) == (512, 1024)
    assert [unet.heads_of(c) for c in (384, 768)] == [6, 12]
    assert autoencoder.widths == (128, 128, 256, 256, 512)
    assert autoencoder.attention == (False, False, False, False, True)
    assert (autoencoder.blocks, autoencoder.downsample, unet.size_multiple) == (2, 16, 2)


def test_content_that_is_not_refined(tmp_path: Path, tiny_state: State) -> None:
    """As in the variant whose refined size is the content's: those layers do not exist."""
    state = {key: tensor for key, tensor in tiny_state.items() if "content_" not in key}
    for key in ("model.diffusion_model.input_blocks.0.0.weight",
                "model_ema.diffusion_modelinput_blocks00weight"):  # fmt: skip
        state[key] = torch.randn(64, 32, 3, 3)
    unet = load_networks(save(state, tmp_path / "whole.ckpt")).unet
    scripted = torch.jit.script(unet)
    x, content = torch.randn(2, 3, 16, 4, 6).unbind()
    rows = scripted.condition(torch.tensor([5.0]), unet.null_style[None]).expand(3, -1)
    eps = scripted.denoise(x, content, rows)
    assert torch.allclose(eps, unet.denoise(x, content, rows), atol=1e-5)
    assert not torch.allclose(eps, unet.denoise(x, 0 * content, rows), atol=1e-3)


def _config(path: Path, unet: str = "", params: str = "") -> Path:
    path.write_text(
        f"model:\n  target: x\n  params:\n    timesteps: 1000\n{params}"
        f"    unet_config:\n      params:\n        dropout: 0\n{unet}",
        encoding="utf-8",
    )
    return path


def _line(name: str, value: object, indent: int) -> str:
    return f"{' ' * indent}{name}: {value}\n"


@pytest.mark.parametrize(
    ("unet", "option", "heads"),
    [
        ({}, None, (1, 2)),
        ({"num_head_channels": 32}, None, (2, 4)),
        ({"num_head_channels": 32}, 16, (4, 8)),
        ({"num_heads": 4}, None, (4, 4)),
        ({"num_heads": 4, "num_head_channels": -1}, None, (4, 4)),
        ({"num_heads": -1, "num_head_channels": 32}, None, (2, 4)),
        ({"num_heads": 4}, 32, (2, 4)),
    ],
)
def test_heads_come_from_the_option_then_the_configuration_then_the_published_value(
    unet: dict[str, int], option: int | None, heads: tuple[int, int], tmp_path: Path
) -> None:
    lines = "".join(_line(name, value, 8) for name, value in unet.items())
    settings = settings_from(_config(tmp_path / "c.yaml", lines), option)
    shape = unet_shape(read_keys(DATA / "keys_tiny.tsv"), settings)
    assert (shape.heads_of(64), shape.heads_of(128)) == heads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: [", "is not YAML"),
        ("a: 1", "has no model.params"),
        ("model: {params: {unet_config: {params: 3}}}", "unet_config.params is not a mapping"),
        ("model: {params: {linear_start: lots}}", "linear_start is 'lots'"),
        ("model: {params: {linear_end: 1.5}}", "linear_end is 1.5"),
        ("model: {params: {beta_schedule: cosine}}", "beta_schedule is 'cosine'; only 'linear'"),
        ("model: {params: {parameterization: x0}}", "parameterization is 'x0'; only 'eps'"),
        (
            "model: {params: {unet_config: {params: {num_head_channels: 0}}}}",
            "num_head_channels is 0",
        ),
        (
            "model: {params: {unet_config: {params: {model_channels: 384}}}}",
            "model_channels is 384, the tensors' is 64",
        ),
        (
            "model: {params: {unet_config: {params: {num_res_blocks: 3}}}}",
            "num_res_blocks is 3, the tensors' is 2",
        ),
        ("!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        unet_shape(read_keys(DATA / "keys_tiny.tsv"), settings_from(path, 32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(head_channels=48), "48 channels a head do not divide the UNet's 64 channels"),
        (Settings(head_channels=None, heads=5), "5 heads do not divide the UNet's 64 channels"),
    ],
)
def test_heads_that_do_not_divide_are_refused(settings: Settings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        unet_shape(read_keys(DATA / "keys_tiny.tsv"), settings)


def _convert(path: Path, output: Path, settings: Settings = TINY, **options: Any) -> None:
    dtype = options.get("dtype", torch.float32)
    convert(path, output, settings, dtype, lambda _: None)


def test_betas_of_another_schedule_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    settings = Settings(head_channels=TINY_HEAD_CHANNELS, linear_end=0.012)
    with pytest.raises(ConfigError, match="betas are not linear from 0.0015 to 0.012"):
        _convert(tiny_checkpoint, tmp_path / "x.artfusion", settings)


# -- the file -------------------------------------------------------------------------------


def test_the_manifest_says_what_the_checkpoint_is(tiny_model: Path, tiny_state: State) -> None:
    manifest = bundle.read_manifest(tiny_model)
    assert manifest["name"] == "artfusion-kl16"
    assert manifest["origin"] == "tiny.ckpt, averaged weights after 317673 steps"
    assert manifest["size"] == {"multiple": 32, "native_width": 256, "native_height": 256}
    assert manifest["latent"] == {
        "channels": 16,
        "downsample": 16,
        "shift": tiny_state["shift_values"].tolist(),
        "scale": tiny_state["scale_factors"].tolist(),
    }
    assert manifest["style"] == {"width": 2944, "min_size": 32}
    assert manifest["prediction"] == "eps"
    assert manifest["schedule"] == {
        "kind": "linear",
        "timesteps": 1000,
        "linear_start": 0.0015,
        "linear_end": 0.0195,
    }


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [(2, 2), (6, 4), (10, 16)])
def test_the_written_model_serves_every_batch_and_size(
    batch: int, size: tuple[int, int], tiny_model: Path, tiny_checkpoint: Path
) -> None:
    loaded, twin = torch.jit.load(str(tiny_model)), load_networks(tiny_checkpoint)
    h, w = size
    generator = torch.Generator().manual_seed(h * w + batch)
    rgb = torch.rand(batch, 3, 16 * h, 16 * w, generator=generator) * 2 - 1
    x, content = torch.randn(2, batch, 16, h, w, generator=generator).unbind()
    times = torch.tensor([999.0, 0.0])
    with torch.inference_mode():
        styles = twin.style(rgb)
        rows = twin.unet.condition(times, styles)
        pairs = {
            "encoder": (loaded.encoder(rgb), twin.encoder(rgb)),
            "decoder": (loaded.decoder(x), twin.decoder(x)),
            "style": (loaded.style(rgb), styles),
            "condition": (loaded.unet.condition(times, styles), rows),
            "denoise": (
                loaded.unet.denoise(x, content, rows[-batch:]),
                twin.unet.denoise(x, content, rows[-batch:]),
            ),
        }
    for name, (got, wanted) in pairs.items():
        assert got.shape == wanted.shape, name
        assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max(), name


def test_condition_gives_row_t_times_s_plus_s_to_time_t_and_style_s(tiny_checkpoint: Path) -> None:
    unet = load_networks(tiny_checkpoint).unet
    times, styles = torch.tensor([0.0, 500.0, 999.0]), torch.randn(2, 2944)
    with torch.inference_mode():
        rows = unet.condition(times, styles)
        for t in range(3):
            for s in range(2):
                alone = unet.condition(times[t : t + 1], styles[s : s + 1])[0]
                assert torch.allclose(rows[2 * t + s], alone, rtol=0, atol=1e-5)


def test_pictures_of_a_batch_do_not_touch_each_other(tiny_checkpoint: Path) -> None:
    unet = load_networks(tiny_checkpoint).unet
    x, content = torch.randn(2, 3, 16, 4, 4).unbind()
    with torch.inference_mode():
        rows = unet.condition(torch.tensor([1.0, 500.0, 999.0]), unet.null_style[None])
        together = unet.denoise(x, content, rows)
        for i in range(3):
            alone = unet.denoise(x[i : i + 1], content[i : i + 1], rows[i : i + 1])
            assert torch.allclose(together[i : i + 1], alone, rtol=0, atol=1e-5)


def test_16_bit_weights_halve_the_file_and_nothing_else_is_rounded(
    tiny_checkpoint: Path, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "narrow.artfusion"
    _convert(tiny_checkpoint, path, dtype=torch.bfloat16)
    assert 0.4 < path.stat().st_size / tiny_model.stat().st_size < 0.6
    loaded, twin = torch.jit.load(str(path)), load_networks(tiny_checkpoint)
    wanted = twin.unet.conv_out.weight
    assert torch.equal(loaded.unet.conv_out.weight, wanted.to(torch.bfloat16))
    assert torch.equal(loaded.unet.null_style, twin.unet.null_style)
    assert torch.equal(loaded.style.scale, twin.style.scale)


def test_a_failed_conversion_leaves_what_was_there(
    tiny_checkpoint: Path,
    tiny_state: State,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "model.artfusion"
    output.write_bytes(b"the old one")
    state = dict(tiny_state)
    state[AVERAGE] = torch.full_like(state[AVERAGE], 1e6)  # beyond float16
    checkpoint = save(state, tmp_path / "large.ckpt")
    with pytest.raises(bundle.BundleError, match=r"cannot hold"):
        _convert(checkpoint, output, dtype=torch.float16)
    with pytest.raises(ConfigError):
        _convert(tiny_checkpoint, output, Settings(head_channels=48))
    monkeypatch.setattr(bundle, "_SLACK", -1.0)  # fails the check of what was written
    with pytest.raises(bundle.BundleError, match="differs from its networks"):
        _convert(tiny_checkpoint, output)
    assert output.read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.ckpt", "model.artfusion"]


def test_a_model_is_written_where_nobody_else_reads_or_plants_a_link(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"  # with others, who may write there
    shared.mkdir()
    output, mine = shared / "model.artfusion", tmp_path / "mine"
    mine.write_bytes(b"keep")
    (shared / "model.artfusion.partial").symlink_to(mine)
    check, seen = bundle._check, []

    def look(partial: Path, *rest: Any) -> None:
        seen.append(partial.parent.stat().st_mode & 0o777)
        check(partial, *rest)

    monkeypatch.setattr(bundle, "_check", look)
    before = os.umask(0o022)
    try:
        for mode in (None, 0o600, 0o604):
            if mode is not None:
                output.chmod(mode)
            _convert(tiny_checkpoint, output)
            assert output.stat().st_mode & 0o777 == (0o644 if mode is None else mode)
    finally:
        os.umask(before)
    assert seen == [0o700] * 3
    assert mine.read_bytes() == b"keep"
    assert sorted(path.name for path in shared.iterdir()) == ["model.artfusion", "model.artfusion.partial"]


# -- the command ----------------------------------------------------------------------------


def test_the_command_says_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "x.artfusion"
    none = tmp_path / "none.ckpt"
    cut = tmp_path / "cut.ckpt"
    torch.save({"state_dict": {"a": torch.ones(1000)}}, cut)
    cut.write_bytes(cut.read_bytes()[:3000])
    for arguments, status, words in (
        ((cut, "-o", output), 1, "end is missing after 3,000 bytes"),
        ((none, "-o", output), 1, str(none)),
        ((cut, "-o", tmp_path), 1, "is a directory"),
        ((cut, "-o", tmp_path / "no" / "x.artfusion"), 1, "there is no directory"),
        ((cut, "-o", output, "--config", tmp_path / "no.yaml"), 1, "no.yaml"),
        ((cut,), 2, "-o"),
        ((cut, "-o", output, "--head-channels", "0"), 2, "0 is not above 0"),
        ((cut, "-o", output, "--dtype", "int8"), 2, "invalid choice"),
    ):
        try:
            assert main([str(argument) for argument in arguments]) == status
        except SystemExit as usage:  # argparse's way
            assert usage.code == status
        assert words in capsys.readouterr().err
    assert not output.exists()


def test_names_of_the_checkpoint_are_shown_without_what_a_terminal_obeys(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, name = tmp_path / "a\x1b[31m.ckpt", "\x1b]0;title\x07\u009b2J\u202e\nartfusion_export: done"
    tree = torch.load(tiny_checkpoint, weights_only=False)
    tree["state_dict"][name] = torch.ones(2)
    torch.save(tree, path)
    assert main([str(path), "-o", str(tmp_path / "x.artfusion")]) == 1
    told = capsys.readouterr().err
    assert r"\x1b]0;title\x07\x9b2J\u202e\nartfusion_export: done" in told
    assert all(line.isprintable() for line in told.splitlines())
    assert main([str(path.with_name("no\x1b.ckpt")), "-o", str(tmp_path / "x.artfusion")]) == 1
    assert r"no\x1b.ckpt" in capsys.readouterr().err


def test_the_process_ends_without_a_traceback(tmp_path: Path) -> None:
    done = run_export(tmp_path / "none.ckpt", "-o", tmp_path / "x.artfusion")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_the_written_code_enlarges_by_one_operator(tiny_model: Path) -> None:
    assert enlargements(tiny_model) == {"upsample_nearest2d"}


def test_the_command_writes_a_readable_archive(tiny_model: Path) -> None:
    with zipfile.ZipFile(tiny_model) as file:
        assert file.testzip() is None
    manifest = bundle.read_manifest(tiny_model)
    assert manifest["weights_sha256"] == bundle.weights_sha256(tiny_model)
