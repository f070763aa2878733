"""The cases of `bin/bench --peer`, in PyTorch and torchvision: one case a process, one line of JSON.

    python3 bench/peers/cases.py CASE [--threads T] [--seconds S] [--compile] [--device cuda]

Both sides count alike: a training step is zero_grad, forward, loss, backward and the optimiser on data that lies in memory;
a view is crop, flip, jitter, grayscale, blur and normalisation to a float tensor.
"""
import argparse
import io
import json
import os
import random
import resource
import statistics
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn

JPEG_SIZE = (500, 375)


def peak_rss_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compiled(options, network):
    """With --compile: compiled, on a GPU for CUDA graphs."""
    mode = "default" if options.device == "cpu" else "reduce-overhead"
    return torch.compile(network, mode=mode) if options.compile else network


def wait_for(device):
    if device == "cuda":
        torch.cuda.synchronize()


def median_seconds(call, seconds, least=3, device="cpu"):
    for _ in range(2):
        call()
    wait_for(device)
    samples, end = [], time.perf_counter() + seconds
    while len(samples) < least or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        wait_for(device)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)


def rate(call, count, unit, seconds, device="cpu"):
    step = median_seconds(call, seconds, device=device)
    return {"value": count / step, "unit": unit, "step_ms": step * 1e3}


# ---- training steps


class SimClr(nn.Module):
    """torchvision's ResNet with a projection head Linear-ReLU-Linear to 128."""

    def __init__(self, cifar_stem, depth=18):
        super().__init__()
        import torchvision

        self.backbone = getattr(torchvision.models, "resnet%d" % depth)(weights=None)
        features = self.backbone.fc.in_features
        self.backbone.fc = nn.Identity()
        if cifar_stem:
            self.backbone.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            self.backbone.maxpool = nn.Identity()
        self.head = nn.Sequential(nn.Linear(features, features), nn.ReLU(inplace=True), nn.Linear(features, 128))

    def forward(self, x):
        return self.head(self.backbone(x))


def nt_xent(z, temperature):
    """Rows i and i + N of z [2N, D] are views of one image; the usual composition of matmul, mask and cross entropy."""
    rows = z.shape[0]
    z = F.normalize(z, dim=1)
    similarity = z @ z.t() / temperature
    similarity.fill_diagonal_(float("-inf"))
    positive = torch.arange(rows, device=z.device).roll(rows // 2)
    return F.cross_entropy(similarity, positive)


def simclr_step(options, cifar_stem, size, batch, channels_last, bf16, depth=18):
    torch.manual_seed(0)
    model = SimClr(cifar_stem, depth).train().to(options.device)
    images = torch.randn(2 * batch, 3, size, size).to(options.device)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    forward = compiled(options, model)
    phases = {"forward_ms": [], "loss_ms": [], "backward_ms": [], "optim_ms": [], "step_ms": []}

    def step():
        times = [time.perf_counter()]
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(options.device, dtype=torch.bfloat16, enabled=bf16):
            z = forward(images)
        times.append(time.perf_counter())
        loss = nt_xent(z.float(), 0.5)
        times.append(time.perf_counter())
        loss.backward()
        times.append(time.perf_counter())
        optimizer.step()
        times.append(time.perf_counter())
        for name, begin, end in zip(phases, times, times[1:]):
            phases[name].append((end - begin) * 1e3)
        phases["step_ms"].append((times[-1] - times[0]) * 1e3)

    whole = median_seconds(step, options.seconds, device=options.device) * 1e3
    if options.device != "cpu":  # the host is ahead of the device: only the whole step has a time
        return {"value": batch / whole * 1e3, "unit": "source images/s", "step_ms": whole}
    result = {name: statistics.median(samples[2:]) for name, samples in phases.items()}
    return {"value": batch / result["step_ms"] * 1e3, "unit": "source images/s", **result}


def nt_xent_rows(options, rows, dim):
    torch.manual_seed(0)
    z = torch.randn(rows, dim, device=options.device, requires_grad=True)
    loss = compiled(options, nt_xent)

    def step():
        z.grad = None
        loss(z, 0.5).backward()

    nt_xent(z[:128], 0.5).backward()  # what PyTorch itself needs is not counted
    before = peak_rss_mb()
    result = rate(step, rows, "rows/s", options.seconds, options.device)
    return {**result, "extra_mb": peak_rss_mb() - before}


# ---- products and neighbours


def gemm(options, m, n, k, dtype):
    a, b = torch.randn(m, k).to(options.device, dtype), torch.randn(k, n).to(options.device, dtype)
    flops = 2 * m * n * k
    inner = max(1, int(5e8 / flops))

    def call():
        for _ in range(inner):
            torch.mm(a, b)

    result = rate(call, inner * flops * 1e-9, "GFLOP/s", options.seconds, options.device)
    return {**result, "step_ms": result["step_ms"] / inner}


def knn(options, queries, bank, dim, k, temperature, classes=10):
    """Weighted k-NN: the k nearest by cosine vote with exp(similarity / temperature). Chunked, as the distances would not fit."""
    torch.manual_seed(0)
    features = F.normalize(torch.randn(bank, dim), dim=1).to(options.device)
    query = F.normalize(torch.randn(queries, dim), dim=1).to(options.device)
    labels = torch.randint(0, classes, (bank,)).to(options.device)

    @torch.no_grad()
    def call():
        for chunk in query.split(512):
            similarity, index = (chunk @ features.t()).topk(k, dim=1)
            votes = torch.zeros(len(chunk), classes, device=chunk.device).scatter_add_(1, labels[index], (similarity / temperature).exp_())
            votes.argmax(1)

    return rate(call, queries, "queries/s", options.seconds, options.device)


# ---- views


def photo(rng, width, height):
    """A picture with the statistics of a photograph: 1/f noise and a dozen discs with sharp edges."""
    import numpy as np

    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    spectrum = 1 / np.maximum(frequency, 1 / max(width, height)) ** 1.25
    planes = []
    for _ in range(4):
        noise = rng.standard_normal(spectrum.shape) + 1j * rng.standard_normal(spectrum.shape)
        plane = np.fft.irfft2(noise * spectrum, s=(height, width))
        planes.append((plane - plane.mean()) / plane.std())
    picture = np.stack([0.75 * planes[0] + 0.35 * plane for plane in planes[1:]], axis=2)
    y, x = np.mgrid[:height, :width]
    for _ in range(12):
        cx, cy, r = rng.integers(width), rng.integers(height), rng.integers(8, max(9, height // 4))
        picture[(x - cx) ** 2 + (y - cy) ** 2 < r * r] += rng.normal(0, 0.8, 3)
    return np.clip(picture * 45 + 120, 0, 255).astype(np.uint8)


def jpegs(count=64):
    """Encoded photographs, made once: both sides read $PEER_TMP/jpeg500x375 (a temporary folder by default)."""
    import numpy as np
    from PIL import Image

    folder = os.path.join(os.environ.get("PEER_TMP", tempfile.gettempdir()), "jpeg%dx%d" % JPEG_SIZE)
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, "img%03d.jpg" % i) for i in range(count)]
    if not all(os.path.exists(path) for path in paths):
        rng = np.random.default_rng(1)
        for path in paths:
            Image.fromarray(photo(rng, *JPEG_SIZE)).save(path, quality=90, subsampling=2)
    return [open(path, "rb").read() for path in paths]


def simclr_view(size, pil):
    from torchvision import transforms as T

    kernel = max(3, int(0.1 * size) // 2 * 2 + 1)
    return T.Compose([
        T.RandomResizedCrop(size),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomApply([T.GaussianBlur(kernel, (0.1, 2.0))], p=0.5),
        T.ToTensor() if pil else T.ConvertImageDtype(torch.float32),
        T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])


def each(make, items, seconds):
    def call():
        for item in items:
            make(item)

    return rate(call, len(items), "views/s", seconds)


def views(options, size, pil):
    import numpy as np
    from PIL import Image

    random.seed(0)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    source = size if size == 32 else 160
    arrays = [photo(rng, source, source) for _ in range(64)]
    items = [Image.fromarray(a) if pil else torch.from_numpy(a).permute(2, 0, 1).contiguous() for a in arrays]
    return each(simclr_view(size, pil), items, options.seconds)


def jpeg(options, decode, size=0):
    random.seed(0)
    torch.manual_seed(0)
    view = simclr_view(size, decode is not tensor_decode) if size else None
    return each(lambda data: view(decode(data)) if view else decode(data), jpegs(), options.seconds)


def pil_decode(data):
    from PIL import Image

    return Image.open(io.BytesIO(data)).convert("RGB")


def pil_draft_decode(data):
    from PIL import Image

    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (160, 160))
    return image.convert("RGB")


def tensor_decode(data):
    from torchvision.io import ImageReadMode, decode_jpeg

    return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)


CASES = {
    "nt_xent_16384": lambda o: nt_xent_rows(o, 16384, 128),
    "knn_10k_50k_512": lambda o: knn(o, 10000, 50000, 512, 200, 0.07),
    "gemm_f32_1024": lambda o: gemm(o, 1024, 1024, 1024, torch.float32),
    "gemm_f32_4096x256x1024": lambda o: gemm(o, 4096, 256, 1024, torch.float32),
    "gemm_f32_256x128x128": lambda o: gemm(o, 256, 128, 128, torch.float32),
    "gemm_bf16_1024": lambda o: gemm(o, 1024, 1024, 1024, torch.bfloat16),
    "aug_pil_32": lambda o: views(o, 32, True),
    "aug_tensor_32": lambda o: views(o, 32, False),
    "aug_pil_128": lambda o: views(o, 128, True),
    "aug_tensor_128": lambda o: views(o, 128, False),
    "jpeg500x375_pil_decode": lambda o: jpeg(o, pil_decode),
    "jpeg500x375_pil_draft_decode": lambda o: jpeg(o, pil_draft_decode),
    "jpeg500x375_pil_aug128": lambda o: jpeg(o, pil_decode, 128),
    "jpeg500x375_tensor_decode": lambda o: jpeg(o, tensor_decode),
    "jpeg500x375_tensor_aug128": lambda o: jpeg(o, tensor_decode, 128),
}
for suffix, channels_last, bf16 in (("", False, False), ("_cl", True, False), ("_cl_bf16", True, True)):
    CASES["simclr_r18_cifar32_b128" + suffix] = lambda o, c=channels_last, b=bf16: simclr_step(o, True, 32, 128, c, b)
    CASES["simclr_r18_inet128_b32" + suffix] = lambda o, c=channels_last, b=bf16: simclr_step(o, False, 128, 32, c, b)
    CASES["simclr_r50_inet224_b128" + suffix] = lambda o, c=channels_last, b=bf16: simclr_step(o, False, 224, 128, c, b, 50)
ONE_CORE = ("aug_", "jpeg")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile the network or the loss")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    threads = 1 if options.case.startswith(ONE_CORE) else options.threads
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False  # f32 means f32 on both sides
    result = CASES[options.case](options)
    result = {key: round(value, 3) if isinstance(value, float) else value for key, value in result.items()}
    print(json.dumps({"case": options.case, **result, "threads": threads, "device": options.device,
                      "peak_device_mb": torch.cuda.max_memory_allocated() >> 20 if options.device == "cuda" else 0,
                      "peak_rss_mb": round(peak_rss_mb()),
                      "impl": "torch " + torch.__version__}))


if __name__ == "__main__":
    main()
