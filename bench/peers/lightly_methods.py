#!/usr/bin/env python3
"""lightly's methods on the data, backbone, augmentations and epochs of bin/methods_table: the column that fovea is compared with.

    python lightly_methods.py train simclr --seed 0 --limit 10000 --width 16 --epochs 10      k-NN as bin/methods_table measures it
    python lightly_methods.py step simclr --width 64 --batch 128 --size 32                     images a second of the step alone

Wants torch, torchvision and lightly 1.6.0 (scripts/bench-lightly makes the environment). Prints one line of JSON. The methods
are put together from lightly's modules and losses as its examples do it. Settings are those of fovea's `--preset short` where
lightly has them, or what serves it better; the comments say where.
"""
import argparse
import copy
import functools
import gzip
import json
import math
import os
import statistics
import time

import numpy
import torch
import torch.nn.functional as F
import torchvision
from lightly import loss as losses
from lightly.loss.hypersphere_loss import HypersphereLoss
from lightly.models import modules as m
from lightly.models.modules import heads
from lightly.models.utils import deactivate_requires_grad, select_most_similar, update_momentum
from lightly.utils.benchmarking.knn import knn_predict
from lightly.utils.lars import LARS
from lightly.utils.scheduler import cosine_schedule
from torch import nn

from lightly_views import (MEAN, STD, byol_views, dino_views, simclr_views, simsiam_views, smog_views,
                           strong_views, swav_views, times, vicregl_views, view)


def backbone(width):
    net = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2], width_per_group=64)
    net.inplanes = width
    net.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
    net.bn1, net.maxpool = nn.BatchNorm2d(width), nn.Identity()
    for stage in range(4):
        setattr(net, f"layer{stage + 1}", net._make_layer(torchvision.models.resnet.BasicBlock, width << stage, 2, stride=1 + (stage > 0)))
    net.fc = nn.Identity()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net, 8 * width


def feature_map(net, x):
    x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


def settings_of(lr=0.24, optimizer="sgd", weight_decay=5e-4, batch=128, warmup=0.0):
    return dict(lr=lr, optimizer=optimizer, weight_decay=weight_decay, batch=batch, warmup=warmup)


class Method(nn.Module):
    """views: recipes; settings: those of the short run, as `--preset short` of fovea's method has them."""

    views = staticmethod(simclr_views)
    step_views = None  # what a step is timed with, if it is something else
    settings = settings_of()
    momentum = None  # of a teacher, at the start
    last_momentum = None  # the same at the end; None: constant

    def __init__(self, width):
        super().__init__()
        self.backbone, self.features = backbone(width)
        self.step = 0
        self.build(self.features)

    def teacher_of(self, *nets):
        copies = [copy.deepcopy(net) for net in nets]
        for net in copies:
            deactivate_requires_grad(net)
        self.followers = list(zip(nets, copies))
        return copies

    def move_teacher(self, step, steps):
        momentum = self.momentum if self.last_momentum is None else cosine_schedule(step, steps, self.momentum, self.last_momentum)
        for student, teacher in getattr(self, "followers", []):
            update_momentum(student, teacher, momentum)

    def both(self, x, y, head):
        return head(self.backbone(x)), head(self.backbone(y))


class SimClr(Method):
    views = staticmethod(strong_views)

    def build(self, d):
        self.head, self.criterion = heads.SimCLRProjectionHead(d, d, 128), losses.NTXentLoss(0.2)

    def loss(self, x):
        return self.criterion(*self.both(x[0], x[1], self.head))


class Dcl(SimClr):
    def build(self, d):
        self.head, self.criterion = heads.SimCLRProjectionHead(d, d, 128), losses.DCLLoss(0.2)


class Dclw(SimClr):
    def build(self, d):
        self.head, self.criterion = heads.SimCLRProjectionHead(d, d, 128), losses.DCLWLoss(0.2, 0.5)


class Hypersphere(SimClr):
    views = staticmethod(simclr_views)

    def build(self, d):
        self.head = nn.Sequential(nn.Linear(d, d, bias=False), nn.BatchNorm1d(d), nn.ReLU(), nn.Linear(d, 128))
        self.criterion = HypersphereLoss(t=2.0)


class DirectClr(SimClr):
    views = staticmethod(byol_views)

    def build(self, d):
        self.head, self.criterion = nn.Identity(), losses.DirectCLRLoss(loss_dim=max(1, d * 90 // 512), temperature=0.2)


class BarlowTwins(SimClr):
    views = staticmethod(byol_views)
    settings = settings_of(0.4, "lars", 1e-4, warmup=0.1)

    def build(self, d):
        self.head, self.criterion = heads.BarlowTwinsProjectionHead(d, 4 * d, 4 * d), losses.BarlowTwinsLoss(lambda_param=0.05)


class VicReg(SimClr):
    views = staticmethod(byol_views)
    settings = settings_of(0.06, warmup=0.1)

    def build(self, d):
        self.head, self.criterion = heads.VICRegProjectionHead(d, 4 * d, 4 * d, num_layers=3), losses.VICRegLoss()


class LeJepa(SimClr):
    views = staticmethod(simclr_views)
    settings = settings_of(4e-3, "adamw", warmup=0.1)

    def build(self, d):
        self.head, self.criterion = heads.LeJEPAProjectionHead(d, 2048, 64), losses.LeJEPALoss()

    def loss(self, x):
        z = torch.stack(self.both(x[0], x[1], self.head))
        return self.criterion(local_proj=z[1:], global_proj=z[:1])  # it wants a local view


class Wmse(SimClr):
    views = staticmethod(lambda size: [view(size, 0.5, gray=0.1, bicubic=True)] * 2)
    settings = settings_of(1e-3, "adam", 1e-6)

    def build(self, d):
        self.head = nn.Sequential(nn.Linear(d, 1024), nn.BatchNorm1d(1024), nn.ReLU(), nn.Linear(1024, 16))
        self.criterion = losses.WMSELoss(embedding_dim=16, w_size=128)

    def loss(self, x):
        return self.criterion(torch.cat(self.both(x[0], x[1], self.head)))


class Mmcr(SimClr):
    views = staticmethod(simclr_views)
    settings = settings_of(3e-3, "adam", 1e-6)
    momentum = 0.99

    def build(self, d):
        self.head, self.criterion = heads.MMCRProjectionHead(d, d, 128), losses.MMCRLoss(0)
        self.teacher_backbone, self.teacher_head = self.teacher_of(self.backbone, self.head)

    def loss(self, x):
        online = torch.stack(self.both(x[0], x[1], self.head), 1)
        with torch.no_grad():
            momentum = torch.stack([self.teacher_head(self.teacher_backbone(v)) for v in x[:2]], 1)
        return self.criterion(F.normalize(online, dim=-1), F.normalize(momentum, dim=-1))


class Byol(Method):
    views = staticmethod(strong_views)
    settings = settings_of(0.1, batch=64, warmup=0.1)
    momentum = 0.95  # rising to 1, as fovea's does, it ends at 0.715 instead of 0.741 (seed 0)

    def build(self, d):
        self.head, self.predictor = heads.BYOLProjectionHead(d, 1024, 256), heads.BYOLPredictionHead(256, 1024, 256)
        self.teacher_backbone, self.teacher_head = self.teacher_of(self.backbone, self.head)
        self.criterion = losses.NegativeCosineSimilarity()

    def loss(self, x):
        p = [self.predictor(z) for z in self.both(x[0], x[1], self.head)]
        with torch.no_grad():
            y = [self.teacher_head(self.teacher_backbone(v)) for v in x[:2]]
        return 0.5 * (self.criterion(p[0], y[1]) + self.criterion(p[1], y[0]))


class SimSiam(Method):
    views = staticmethod(lambda size: simsiam_views(size, 2, 2))
    settings = settings_of(0.2, batch=64)

    def build(self, d):
        self.head, self.predictor = heads.SimSiamProjectionHead(d, 1024, 1024), heads.SimSiamPredictionHead(1024, 512, 1024)
        self.criterion = losses.NegativeCosineSimilarity()

    def loss(self, x):
        z = [self.head(self.backbone(v)) for v in x]
        p = [self.predictor(v) for v in z]
        targets = [torch.stack([u for j, u in enumerate(z) if j != i]).mean(0).detach() for i in range(len(z))]
        return sum(self.criterion(a, b) for a, b in zip(p, targets)) / len(z)


class FastSiam(SimSiam):
    views = staticmethod(lambda size: simsiam_views(size, 4, 2))


class TiCo(Method):
    views = staticmethod(strong_views)
    settings = settings_of(0.1, weight_decay=1e-4, batch=64, warmup=0.05)
    momentum, last_momentum = 0.9, 1

    def build(self, d):
        self.head, self.criterion = heads.TiCoProjectionHead(d, 1024, 256), losses.TiCoLoss(rho=20)
        self.teacher_backbone, self.teacher_head = self.teacher_of(self.backbone, self.head)

    def loss(self, x):
        with torch.no_grad():
            target = self.teacher_head(self.teacher_backbone(x[1]))
        return self.criterion(self.head(self.backbone(x[0])), target)


class MoCo(Method):
    views = staticmethod(strong_views)
    settings = settings_of(0.06, warmup=0.1)
    momentum = 0.99

    def build(self, d):
        self.head = heads.MoCoProjectionHead(d, 512, 128, batch_norm=True)
        self.teacher_backbone, self.teacher_head = self.teacher_of(self.backbone, self.head)
        self.criterion = losses.NTXentLoss(0.2, memory_bank_size=(4096, 128))

    def loss(self, x):
        with torch.no_grad():
            keys = [self.teacher_head(self.teacher_backbone(v)) for v in x[:2]]
        queries = self.both(x[0], x[1], self.head)
        return 0.5 * (self.criterion(queries[0], keys[1]) + self.criterion(queries[1], keys[0]))


class MoCoV3(Method):
    views = staticmethod(strong_views)
    momentum, last_momentum = 0.95, 1

    def build(self, d):
        self.head = heads.MoCoProjectionHead(d, 512, 256, num_layers=2, batch_norm=True)
        self.predictor = heads.BYOLPredictionHead(256, 512, 256)
        self.teacher_backbone, self.teacher_head = self.teacher_of(self.backbone, self.head)

    def loss(self, x):
        q = [F.normalize(self.predictor(z), dim=1) for z in self.both(x[0], x[1], self.head)]
        with torch.no_grad():
            k = [F.normalize(self.teacher_head(self.teacher_backbone(v)), dim=1) for v in x[:2]]
        own = torch.arange(len(x[0]))
        return 0.4 * (F.cross_entropy(q[0] @ k[1].T / 0.2, own) + F.cross_entropy(q[1] @ k[0].T / 0.2, own))


class DenseCl(Method):
    views = staticmethod(strong_views)
    settings = settings_of(0.06, warmup=0.1)
    momentum = 0.99

    def build(self, d):
        # Without batch norm, as in DenseCLProjectionHead, it ends at 0.679 after ten epochs (seed 0), below the network it starts from.
        self.head, self.dense_head = (heads.MoCoProjectionHead(d, d, 128, batch_norm=True) for _ in range(2))
        self.teacher_backbone, self.teacher_head, self.teacher_dense_head = self.teacher_of(self.backbone, self.head, self.dense_head)
        self.criterion = losses.NTXentLoss(0.2, memory_bank_size=(4096, 128))
        self.dense_criterion = losses.NTXentLoss(0.2, memory_bank_size=(4096, 128))

    @staticmethod
    def places_and_heads(net, head, dense_head, x):
        places = feature_map(net, x).flatten(2).transpose(1, 2)
        return places, head(places.mean(1)), dense_head(places.flatten(0, 1)).unflatten(0, places.shape[:2])

    def loss(self, x):
        places, q, dense_q = self.places_and_heads(self.backbone, self.head, self.dense_head, x[0])
        with torch.no_grad():
            others, k, dense_k = self.places_and_heads(self.teacher_backbone, self.teacher_head, self.teacher_dense_head, x[1])
            dense_k = select_most_similar(places, others, dense_k)
        return 0.5 * self.criterion(q, k) + 0.5 * self.dense_criterion(dense_q.flatten(0, 1), dense_k.flatten(0, 1))


class SMoG(Method):
    views = staticmethod(smog_views)
    settings = settings_of(0.05, weight_decay=1e-4, batch=64)
    momentum, reset_every, group_count = 0.95, 300, 100

    def build(self, d):
        self.head, self.predictor = heads.SMoGProjectionHead(d, 1024, 128), heads.SMoGPredictionHead(128, 1024, 128)
        self.teacher_backbone, self.teacher_head = self.teacher_of(self.backbone, self.head)
        self.groups = heads.SMoGPrototypes(F.normalize(torch.rand(self.group_count, 128), dim=1), 0.99)
        self.recent = []

    def reset(self):
        rows = F.normalize(torch.cat(self.recent), dim=1)
        centres = rows[torch.randperm(len(rows))[: self.group_count]]
        for _ in range(10):
            nearest = (rows @ centres.T).argmax(1)
            for group in nearest.unique():
                centres[group] = rows[nearest == group].mean(0)
            centres = F.normalize(centres, dim=1)
        self.groups.set_group_features(centres)
        for student, teacher in self.followers:
            update_momentum(student, teacher, 0.0)

    def loss(self, x):
        if self.step > 0 and self.step % self.reset_every == 0:
            self.reset()
        x = x if self.step % 2 == 0 else x[::-1]
        self.step += 1
        encoded = self.head(self.backbone(x[0]))
        with torch.no_grad():
            other = self.teacher_head(self.teacher_backbone(x[1]))
        groups = self.groups.get_updated_group_features(encoded)
        logits = self.groups(self.predictor(encoded), groups)
        value = F.cross_entropy(logits, self.groups.assign_groups(other))
        self.groups.set_group_features(groups.detach())
        self.recent = ([encoded.detach()] + self.recent)[: 10000 // len(encoded)]
        return value


class VicRegL(Method):
    views = staticmethod(vicregl_views)
    settings = settings_of(0.06, warmup=0.1)

    def build(self, d):
        self.head = heads.VICRegProjectionHead(d, 4 * d, 4 * d, num_layers=3)
        self.local_head = heads.VicRegLLocalProjectionHead(d, 128, 128)
        self.criterion = losses.VICRegLLoss()

    def loss(self, x):
        views = []
        for image, _ in x:
            places = feature_map(self.backbone, image).permute(0, 2, 3, 1)
            views.append((self.head(places.mean((1, 2))), self.local_head(places)))
        return self.criterion(global_view_features=views, global_view_grids=[grid for _, grid in x])


class NnClr(Method):
    views = staticmethod(strong_views)

    def build(self, d):
        self.head, self.predictor = heads.NNCLRProjectionHead(d, 512, 256), heads.NNCLRPredictionHead(256, 1024, 256)
        self.criterion, self.bank = losses.NTXentLoss(0.2), m.NNMemoryBankModule(size=(4096, 256))

    def loss(self, x):
        z = self.both(x[0], x[1], self.head)
        p = [self.predictor(v) for v in z]
        n0, n1 = self.bank(z[0].detach(), update=False), self.bank(z[1].detach(), update=True)
        return 0.5 * (self.criterion(n0, p[1]) + self.criterion(n1, p[0]))


class Swav(Method):
    views = staticmethod(strong_views)
    step_views = staticmethod(swav_views)
    settings = settings_of(0.1, warmup=0.1)

    def build(self, d):
        self.head, self.prototypes = heads.SwaVProjectionHead(d, 4 * d, 128), heads.SwaVPrototypes(128, 100)
        self.criterion = losses.SwaVLoss(sinkhorn_epsilon=0.02)

    def loss(self, x):
        self.prototypes.normalize()
        scores = [self.prototypes(F.normalize(self.head(self.backbone(v)), dim=1)) for v in x]
        return self.criterion(scores[:2], scores[2:])


class SwavQueue(Swav):
    queue_from = 390  # steps: five epochs of 10,000 images

    def build(self, d):
        super().build(d)
        self.queues = [torch.empty(0, 128), torch.empty(0, 128)]

    def loss(self, x):
        self.prototypes.normalize()
        z = [F.normalize(self.head(self.backbone(v)), dim=1) for v in x]
        with torch.no_grad():
            queued = [self.prototypes(rows) for rows in self.queues] if self.step >= self.queue_from else None
        scores = [self.prototypes(v) for v in z]
        value = self.criterion(scores[:2], scores[2:], queued)
        self.queues = [torch.cat([new.detach(), rows])[:384] for new, rows in zip(z, self.queues)]
        self.step += 1
        return value


class Dino(Method):
    views = staticmethod(lambda size: [view(size, 0.4, jitter=times((0.4, 0.4, 0.4, 0.1), 2))] * 2)
    step_views = staticmethod(dino_views)
    settings = settings_of(0.1, weight_decay=1e-4, batch=64, warmup=0.1)
    momentum, last_momentum = 0.99, 1

    def build(self, d):
        self.head, self.teacher_head = (heads.DINOProjectionHead(d, 4 * d, 256, 2048, batch_norm=True) for _ in range(2))
        self.teacher_head.load_state_dict(self.head.state_dict())  # its weight norm cannot be copied
        deactivate_requires_grad(self.teacher_head)
        (self.teacher_backbone,) = self.teacher_of(self.backbone)
        self.followers.append((self.head, self.teacher_head))
        self.criterion = losses.DINOLoss(output_dim=2048, warmup_teacher_temp_epochs=0)

    def loss(self, x):
        with torch.no_grad():
            targets = [self.teacher_head(self.teacher_backbone(v)) for v in x[:2]]
        return self.criterion(targets, [self.head(self.backbone(v)) for v in x], epoch=0)


METHODS = {"simclr": SimClr, "dcl": Dcl, "dclw": Dclw, "hypersphere": Hypersphere, "directclr": DirectClr, "barlow_twins": BarlowTwins,
           "vicreg": VicReg, "lejepa": LeJepa, "w_mse": Wmse, "mmcr": Mmcr, "byol": Byol, "simsiam": SimSiam, "fastsiam": FastSiam,
           "tico": TiCo, "moco": MoCo, "moco_v3": MoCoV3, "dense_cl": DenseCl, "nnclr": NnClr, "smog": SMoG, "vicregl": VicRegL,
           "swav": Swav, "swav_queue": SwavQueue, "dino": Dino}


def optimizer_of(method, lr):
    s = method.settings
    params = [p for p in method.parameters() if p.requires_grad]
    groups = [{"params": [p for p in params if p.ndim > 1], "weight_decay": s["weight_decay"]},
              {"params": [p for p in params if p.ndim < 2], "weight_decay": 0}]
    makers = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "lars": functools.partial(LARS, momentum=0.9),
              "sgd": functools.partial(torch.optim.SGD, momentum=0.9)}
    return makers[s["optimizer"]](groups, lr=lr)


def fashion_mnist(folder, kind):
    def read(name, skip):
        with gzip.open(os.path.join(folder, f"{kind}-{name}-ubyte.gz")) as file:
            return numpy.frombuffer(file.read(), numpy.uint8, offset=skip)

    images = torch.from_numpy(read("images-idx3", 16).reshape(-1, 1, 28, 28).copy()).expand(-1, 3, -1, -1)
    return images, torch.from_numpy(read("labels-idx1", 8).astype(numpy.int64))


class Views(torch.utils.data.Dataset):
    def __init__(self, images, transforms):
        self.images, self.transforms = images, transforms

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return [transform(self.images[i]) for transform in self.transforms]


def warmup_cosine(step, steps, share):
    """Factor on the learning rate: rises over a share of the run, then falls to 0 along half a cosine."""
    rising = round(share * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


@torch.no_grad()
def features(net, images):
    net.eval()
    scaled = (images.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    out = torch.cat([net(chunk) for chunk in scaled.split(256)])
    net.train()
    return F.normalize(out, dim=1)


def fast_layout(view):
    """A batch of views, or of views and their grids, as oneDNN is fastest with it."""
    if isinstance(view, list):
        return [fast_layout(view[0]), view[1]]
    return view.contiguous(memory_format=torch.channels_last)


def train(options):
    torch.manual_seed(options.seed)
    images, labels = fashion_mnist(options.data, "train")
    images, labels = images[: options.limit], labels[: options.limit]
    test_images, test_labels = fashion_mnist(options.data, "t10k")
    settings = METHODS[options.method].settings
    batch = options.batch or settings["batch"]
    steps = options.epochs * (len(images) // batch)
    method = METHODS[options.method](options.width).to(memory_format=torch.channels_last)
    optimizer = optimizer_of(method, options.lr or settings["lr"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, steps, settings["warmup"]))
    loader = torch.utils.data.DataLoader(Views(images, method.views(28)), batch, shuffle=True, drop_last=True,
                                         num_workers=options.workers, persistent_workers=options.workers > 0)
    for epoch in range(options.epochs):
        for i, x in enumerate(loader):
            value = method.loss([fast_layout(v) for v in x])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            method.move_teacher(epoch * len(loader) + i, steps)
    bank, queries = features(method.backbone, images), features(method.backbone, test_images)
    predicted = torch.cat([knn_predict(q, bank.T, labels, 10, 200, 0.1)[:, 0] for q in queries.split(1000)])
    knn = (predicted == test_labels).float().mean().item()
    return {"method": options.method, "seed": options.seed, "knn_top1": knn, "loss": value.item()}


def step(options):
    torch.manual_seed(0)
    method, batch = METHODS[options.method](options.width), options.batch or 128
    method.queue_from = 0
    optimizer = optimizer_of(method, 1e-3)
    images = torch.randint(0, 256, (batch, 3, options.size, options.size), dtype=torch.uint8)
    x = torch.utils.data.default_collate(list(Views(images, (method.step_views or method.views)(options.size))))
    if options.channels_last:
        method = method.to(memory_format=torch.channels_last)
        x = [fast_layout(v) for v in x]
    if options.compile:
        method.backbone = torch.compile(method.backbone)
    times = []
    for i in range(options.repeats + 1):
        begin = time.perf_counter()
        value = method.loss(x)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        method.move_teacher(i, options.repeats + 1)
        times.append(time.perf_counter() - begin)
    return {"method": options.method, "images_per_second": batch / statistics.median(times[1:])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["train", "step"])
    parser.add_argument("method", choices=sorted(METHODS))
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist", help="folder with the four .gz files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=10000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=0, help="0: of a run the method's, of a step 128")
    parser.add_argument("--lr", type=float, default=0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(json.dumps((train if arguments.mode == "train" else step)(arguments)))
