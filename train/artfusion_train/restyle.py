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
pool.py. What statistics do not forbid, a critic does: critic.py.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd import grad
from torch.func import functional_call
from torch.nn import functional as F

from . import config as configs
from . import latents, pictures, stylenet, train_autoencoder
from .autoencoder import Decoder
from .borrowed import metrics
from .critic import Critic, mistakes, verdict
from .loop import mixed
from .pool import Pool
from .unet import UNet

_CONTENT_MAPS = (3, 4)  # of StyleNet.features: at 1/8 and 1/16 of the picture; finer is style
_OCTAVES = 3
_PATCH = 16  # pixels
_STYLE_MAPS = 4  # the first ones: down to 1/8 of the picture
_MOTIF_MAPS = (2, 3)  # of these, at 1/4 and 1/8: those that can see a motif
_BORDER = 8  # pixels: one latent
_SLOTS = 8  # times as many pictures under way as in a step, whose pictures are strangers so


def style_distance(maps: list[Tensor], painted: list[Tensor], spread: Tensor) -> Tensor:
    """Huber distance (delta 1) of what two pictures' feature maps hold wherever it is, in standard
    deviations `spread` of the style codes of paintings; every layer but the last counts the same. The
    last, at 1/16, tells things apart more than manners: it is met by painting small things.

    Of fine maps it is that of a channel's deviation and mean, as in the style code. Of coarse ones,
    which see whole motifs, a deviation can be had by painting a few loud ones: there all values of a
    channel are compared, in order (the Wasserstein distance along the axes; Heitz et al.,
    arXiv 2006.07229)."""
    terms, at = [], 0
    for i, (m, p) in enumerate(zip(maps[:_STYLE_MAPS], painted[:_STYLE_MAPS], strict=True)):
        width = m.shape[1]
        ours, theirs = m.float().flatten(2), p.float().flatten(2)
        scales = spread[at : at + width], spread[at + width : at + 2 * width]
        at += 2 * width
        if i in _MOTIF_MAPS:
            error = (ours.sort(dim=2).values - theirs.sort(dim=2).values) / scales[1][:, None]
            terms += 2 * [_huber(error)]
        else:
            terms.append(_huber((ours.std(dim=2) - theirs.std(dim=2)) / scales[0]))
            terms.append(_huber((ours.mean(dim=2) - theirs.mean(dim=2)) / scales[1]))
    return torch.stack(terms).mean()


def _huber(error: Tensor) -> Tensor:
    """Far outliers pull no harder than near ones: the style code saturates there as well."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=1.0)


def band_energies(rgb: Tensor) -> Tensor:
    """The luma's energy in three octaves from the finest, of each patch of 16 pixels and in ascending
    order, [N,3,patches], of rgb in [-1,1]: how sharp and how rough a picture is (after Heeger and
    Bergen, SIGGRAPH 1995), of which features that were trained to name things keep little."""
    octaves = []
    x = metrics.luma(rgb.float())
    taps = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    kernel = (taps[:, None] * taps[None])[None, None]
    for octave in range(_OCTAVES):
        low = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel)
        energy = F.avg_pool2d((x - low).square(), _PATCH >> octave)
        octaves.append(energy.flatten(1).sort(dim=1).values)
        x = low[:, :, ::2, ::2]
    return torch.stack(octaves, dim=1)


def band_distance(a: Tensor, b: Tensor) -> Tensor:
    """Huber distance (delta 1) of the logarithms of band energies: of the whole, so that a picture is
    as sharp, and of its patches in order, since that could be had from a few loud ones."""
    whole = [energy.mean(dim=2) for energy in (a, b)]
    return sum(
        (F.smooth_l1_loss((x + 1e-5).log(), (y + 1e-5).log()) for x, y in ((a, b), whole)),
        a.new_zeros(()),
    )


def whitened(m: Tensor) -> Tensor:
    """Features [N,C,h,w] without their channel statistics, of unit length at every place."""
    return F.normalize(F.instance_norm(m.float()), dim=1)


def content_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """One minus the mean cosine of whitened features, over the layers that carry shapes."""
    terms = [1.0 - (whitened(a[i]) * whitened(b[i])).sum(dim=1).mean() for i in _CONTENT_MAPS]
    return torch.stack(terms).mean()


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
        device: torch.device,
    ) -> None:
        self.section, self.data, self.device = config.unet, data, device
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

    def _rgb(self, rows: NDArray[np.int64], mirror: NDArray[np.int64]) -> Tensor:
        rgb = train_autoencoder.to_rgb(self.pixels[pictures.on(self.device, rows)])
        mirrored = pictures.on(self.device, mirror)[:, None, None, None] > 0
        return torch.where(mirrored, rgb.flip(3), rgb)

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
        drawn = {"shapes": shapes, "style": style, "mirror": mirror, "blur": blur.astype(np.float32)}
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
        shapes, style = pool.shapes[slots].numpy(), pool.style[slots].numpy()
        mirror = pool.mirror[slots].numpy()
        time, after = (pool.timesteps(slots, k).to(self.device) for k in (0, 1))
        blur = pool.blur[slots].to(self.device)
        x = pool.x[slots]

        content = latents.normalised(self.data.scaled(shapes, 0, mirror))
        code = net.code(self.data.codes(style))
        rows = net.rows(time, code, net.statistics(code).detach(), blur)
        x0 = self._predict(net, x, content, rows, blur)
        with torch.no_grad():
            # A picture that arrives needs no noisy latent any more: its 0 for -1 is not looked at.
            at = (time.long(), after.long().clamp_min(0))
            abar = [net.alphas_cumprod[t][:, None, None, None] for t in at]
            eps = (x - abar[0].sqrt() * x0) / (1.0 - abar[0]).sqrt()
            pool.move(slots, abar[1].sqrt() * x0 + (1.0 - abar[1]).sqrt() * eps)

        with mixed(self.device):
            out = inner(yielding(decoder, s.decoder_yield, self.data.unscaled(x0)))
            # What is said of the picture is gathered here, and taught to the networks at once.
            judged = out.detach().float().requires_grad_()
            maps = self.judge.features(judged)
            turned = rng.integers(0, 2, len(style))  # a painting's manner is that of its mirror image
            painted = inner(self._rgb(style, turned))
            with torch.no_grad():
                wanted = self.judge.features(inner(self._rgb(shapes, mirror)))
                real = self.judge.features(painted)
            doubt = verdict(critic, (judged, maps), (painted, real), code)
            wrong = mistakes(critic, (judged, maps), (painted, real), code, noise)
        near = style_distance(maps, real, net.style_std)
        rough = band_distance(band_energies(judged), band_energies(painted))
        shape = content_distance(maps, wanted)
        asked = s.style_weight * near + s.band_weight * rough + s.content_weight * shape
        pull, push = (grad(term, judged, retain_graph=True)[0] for term in (asked, doubt))
        # The critic has a given share in what a picture learns, however sure of itself it is.
        share = s.critic_weight * pull.norm() / push.norm().clamp_min(1e-12)
        taught = (out * (pull + share * push)).sum()
        return {
            "loss": asked.detach() + taught - taught.detach() + wrong,
            "style": near.detach(),
            "bands": rough.detach(),
            "shape": shape.detach(),
            "doubt": doubt.detach(),
            "critic": wrong,
        }
