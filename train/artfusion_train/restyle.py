# SPDX-License-Identifier: MIT
"""What reconstruction cannot teach: a photo's shapes in another picture's style.

The published training asks the network only for pictures whose content and style are one
picture's own (arXiv 2306.09330, section 3.3); with those a small network learns to leave the
content's texture where it is. Here it also predicts pictures that nobody has painted, and what
it predicts is decoded and judged by a fixed network: channel statistics near those of the style
picture (Huang and Belongie, arXiv 1703.06868, eq. 13) and, with these taken out, features near
those of the content picture, place by place. The decoder learns along, a little: it knows the
latents that pictures encode to, and has to paint from such as no picture has.

Such pictures are made as sampling makes them, step by step from noise, and every step is trained:
pool.py. What statistics do not forbid, a critic does: critic.py; and where a teacher has painted the
same shapes in the same style (pairs.py), the picture's features are held near those of the teacher's.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd import grad
from torch.func import functional_call

from . import config as configs
from . import distances, latents, pairs, pictures, stylenet, train_autoencoder
from .autoencoder import Decoder
from .critic import Critic, mistakes, verdict
from .loop import mixed
from .pool import Pool
from .unet import UNet

_BORDER = 8  # pixels: one latent
_SLOTS = 8  # times as many pictures under way as in a step, whose pictures are strangers so


def yielding(network: nn.Module, share: float, x: Tensor) -> Tensor:
    """network(x), of whose gradient the network itself gets a share only, and x all."""
    weights = {k: p.detach().lerp(p, share) for k, p in network.named_parameters()}
    out: Tensor = functional_call(network, weights, (x,))
    return out


def inner(rgb: Tensor) -> Tensor:
    """Without the border, where a decoder that knows it by its padding can earn statistics that
    belong to the whole."""
    return rgb[:, :, _BORDER:-_BORDER, _BORDER:-_BORDER]


class Restyle:
    """Losses of predicted pictures; see the module's own text."""

    def __init__(
        self,
        config: configs.Config,
        index: pictures.Pictures,
        data: latents.Dataset,
        paintings: NDArray[np.int64],
        photos: NDArray[np.int64],
        painted: pairs.Pairs | None,
        device: torch.device,
    ) -> None:
        self.section, self.data, self.device = config.unet, data, device
        self.pairs = painted
        self.paintings, self.photos = paintings, photos
        self.pixels = index.pixels
        self.judge = stylenet.pretrained().to(device, memory_format=torch.channels_last)
        slots = _SLOTS * max(config.unet.restyle_batch, 1)
        self.pool = Pool(slots, tuple(data.latents.shape[3:]), device)

    def _predict(self, net: UNet, x: Tensor, content: Tensor, rows: Tensor, blur: Tensor) -> Tensor:
        """The scaled latent x0 that the network sees in x."""
        prior = net.prior(x, content, rows, blur)
        with mixed(self.device):
            inputs = prior.inputs.contiguous(memory_format=torch.channels_last)
            out = net.body(inputs, net.body_modulation(rows))
        v = prior.v + prior.unit * out.float()
        return rows[:, 0, None, None, None] * x - rows[:, 1, None, None, None] * v

    def _shapes(self, rows: NDArray[np.int64], pair: NDArray[np.int64]) -> Tensor:
        """The pictures whose shapes are wanted, uint8: of a pair what the teacher painted."""
        pixels = self.pixels[pictures.on(self.device, rows)]
        at = np.flatnonzero(pair >= 0)
        if self.pairs and len(at):
            pixels[at] = self.pairs.pixels[pictures.on(self.device, pair[at])]
        return pixels

    def _styles(self, rows: NDArray[np.int64], pair: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The pictures whose manner is wanted, uint8, and the codes that say so. Of a pair what the teacher
        painted is looked at, of these shapes, and the code is the style picture's."""
        pixels, codes = self.pixels[pictures.on(self.device, rows)], self.data.codes(rows)
        at = np.flatnonzero(pair >= 0)
        if self.pairs and len(at):
            codes[at] = self.pairs.codes(pair[at])
            pixels[at] = self.pairs.pixels[pictures.on(self.device, pair[at])]
        return pixels, codes

    def _rgb(self, pixels: Tensor, mirror: NDArray[np.int64]) -> Tensor:
        rgb = train_autoencoder.to_rgb(pixels)
        mirrored = pictures.on(self.device, mirror)[:, None, None, None] > 0
        return torch.where(mirrored, rgb.flip(3), rgb)

    def _part(self, rgb: Tensor, seen: tuple[slice, slice]) -> Tensor:
        """The pixels of a range of latents, without their border."""
        y, x = (slice(8 * side.start, 8 * side.stop) for side in seen)
        return inner(rgb[:, :, y, x])

    def _begin(
        self, slots: NDArray[np.int64], rng: np.random.Generator, noise: torch.Generator
    ) -> None:
        """Gives slots that have arrived new pictures to make."""
        s, n = self.section, len(slots)
        photo = rng.random(n) < 0.5
        shapes = np.where(photo, rng.choice(self.photos, n), rng.choice(self.paintings, n))
        style = rng.choice(self.paintings, n)
        mirror = rng.integers(0, self.data.latents.shape[2], n)
        blur = s.blur[0] + (s.blur[1] - s.blur[0]) * rng.random(n) ** 2
        pair = np.full(n, -1)
        if self.pairs:
            taught = rng.random(n) < s.pair_share
            pair = np.where(taught, rng.integers(0, len(self.pairs.drawn), n), -1)
            shapes = np.where(taught, self.pairs.contents[pair], shapes)
            style = np.where(taught, self.pairs.manners[pair], style)
            mirror, blur = np.where(taught, 0, mirror), np.where(taught, s.blur[0], blur)
        drawn = {"shapes": shapes, "style": style, "pair": pair, "mirror": mirror,
                 "blur": blur.astype(np.float32)}
        size = (n, *self.pool.x.shape[1:])
        x = torch.randn(size, generator=noise, device=self.device)
        self.pool.begin(slots, rng, x=x, **{k: torch.from_numpy(v) for k, v in drawn.items()})

    def losses(
        self,
        net: UNet,
        decoder: Decoder,
        critic: Critic,
        rng: np.random.Generator,
        noise: torch.Generator,
    ) -> dict[str, Tensor]:
        s, pool = self.section, self.pool
        slots = rng.choice(len(pool.done), s.restyle_batch, replace=False)
        self._begin(pool.arrived(slots), rng, noise)
        shapes, style, pair, mirror = (
            values[slots].numpy() for values in (pool.shapes, pool.style, pool.pair, pool.mirror)
        )
        time, after = (pool.timesteps(slots, k).to(self.device) for k in (0, 1))
        blur = pool.blur[slots].to(self.device)
        x = pool.x[slots]

        content = latents.normalised(self.data.scaled(shapes, 0, mirror))
        manners, codes = self._styles(style, pair)
        code = net.code(codes)
        rows = net.rows(time, code, net.statistics(code).detach(), blur)
        x0 = self._predict(net, x, content, rows, blur)
        with torch.no_grad():
            # A picture that arrives needs no noisy latent any more: its 0 for -1 is not looked at.
            at = (time.long(), after.long().clamp_min(0))
            abar = [net.alphas_cumprod[t][:, None, None, None] for t in at]
            eps = (x - abar[0].sqrt() * x0) / (1.0 - abar[0]).sqrt()
            pool.move(slots, abar[1].sqrt() * x0 + (1.0 - abar[1]).sqrt() * eps)

        side = min(s.restyle_crop, x0.shape[-1])
        corner = rng.integers(0, x0.shape[-1] - side + 1, 2)
        seen = slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)
        with mixed(self.device):
            out = inner(yielding(decoder, s.decoder_yield, self.data.unscaled(x0[:, :, *seen])))
            # What is said of the picture is gathered here, and taught to the networks at once.
            judged = out.detach().float().requires_grad_()
            maps = self.judge.features(judged)
            at = np.flatnonzero(pair >= 0)
            # A painting's manner is that of its mirror image; a teacher's picture is looked at in its place.
            turned = np.where(pair >= 0, 0, rng.integers(0, 2, len(style)))
            painted = self._part(self._rgb(manners, turned), seen)
            aim = self._part(self._rgb(self._shapes(shapes, pair), mirror), seen)
            with torch.no_grad():
                wanted, real = self.judge.features(aim), self.judge.features(painted)
        near = distances.style_distance(maps, real, net.style_std)
        placed = torch.from_numpy(pair >= 0).to(self.device)
        bands = (distances.band_energies(rgb) for rgb in (judged, painted))
        rough = distances.band_distance(*bands, placed)
        shape = distances.content_distance(maps, wanted)
        grid = distances.lattice(judged)
        asked = s.style_weight * near + s.band_weight * rough + s.content_weight * shape
        asked = asked + s.lattice_weight * grid
        terms = {"style": near, "bands": rough, "shape": shape, "lattice": grid}
        terms = {name: value.detach() for name, value in terms.items()}
        if self.pairs:
            like = out.new_zeros(())
            if len(at):
                both = ([m[at] for m in some] for some in (maps, wanted))
                like = distances.likeness(*both, net.style_mean) * (len(at) / len(pair))
            asked = asked + s.likeness_weight * like
            terms["likeness"] = like.detach()
        (pull,) = grad(asked, judged, retain_graph=True)
        loss = asked.detach()
        if s.critic_weight > 0.0:
            with mixed(self.device):
                seen = (judged, maps), (painted, real), code
                doubt, wrong = verdict(critic, *seen), mistakes(critic, *seen, noise)
            (push,) = grad(doubt, judged)
            # The critic has a given share in what a picture learns, however sure of itself it is.
            pull = pull + s.critic_weight * pull.norm() / push.norm().clamp_min(1e-12) * push
            loss = loss + wrong
            terms |= {"doubt": doubt.detach(), "critic": wrong.detach()}
        taught = (out * pull).sum()
        return {"loss": loss + taught - taught.detach(), **terms}
