"""The views of lightly's side, as torchvision makes them: the recipes that fovea's presets for short runs have."""
import torch
from lightly.transforms.random_crop_and_flip_with_grid import RandomResizedCropAndFlip
from torchvision.transforms import v2

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def view(size, low=0.08, high=1.0, jitter=(0.4, 0.4, 0.4, 0.1), p=0.8, gray=0.2, solarize=0.0, bicubic=False):
    """One view of a small image: no blur, as in fovea up to 64 pixels."""
    mode = v2.InterpolationMode.BICUBIC if bicubic else v2.InterpolationMode.BILINEAR
    return v2.Compose([
        v2.RandomResizedCrop(size, scale=(low, high), interpolation=mode, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.RandomApply([v2.ColorJitter(*jitter)], p=p),
        v2.RandomGrayscale(gray),
        v2.RandomSolarize(128, p=solarize),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ])


BYOL_JITTER = (0.4, 0.4, 0.2, 0.1)


def times(jitter, strength):
    return (*(amount * strength for amount in jitter[:3]), min(0.5, jitter[3] * strength))


def simclr_views(size, strength=1.0):
    return [view(size, jitter=times((0.4, 0.4, 0.4, 0.1), strength))] * 2


def byol_views(size):
    return [view(size, jitter=BYOL_JITTER), view(size, jitter=BYOL_JITTER, solarize=0.2)]


def simsiam_views(size, count=2, strength=1.0):
    return [view(size, 0.2, jitter=times((0.4, 0.4, 0.4, 0.1), strength))] * count


def smog_views(size):
    return [view(size, 0.2, jitter=BYOL_JITTER, p=1), view(size, 0.2, jitter=BYOL_JITTER, p=1, solarize=0.2)]


def swav_views(size):
    return [view(size, 0.14)] * 2 + [view(size // 2, 0.05, 0.14)] * 6


def dino_views(size):
    first = view(size, 0.4, jitter=BYOL_JITTER, bicubic=True)
    second = view(size, 0.4, jitter=BYOL_JITTER, bicubic=True, solarize=0.2)
    return [first, second] + [view(size // 2, 0.05, 0.4, jitter=BYOL_JITTER, bicubic=True)] * 6


def strong_views(size):
    return simclr_views(size, 2)


class ViewWithGrid:
    """BYOL's views with twice the jitter, and where the cells of their feature maps lie in the image."""

    def __init__(self, size, cells, solarize):
        self.crop = RandomResizedCropAndFlip(cells, size, 0.08, 1.0, 0.5, 0.0)
        self.colours = v2.Compose(view(size, jitter=times(BYOL_JITTER, 2), solarize=solarize).transforms[2:])

    def __call__(self, image):
        crop, grid = self.crop(v2.functional.to_pil_image(image))
        return self.colours(v2.functional.pil_to_tensor(crop)), grid


def vicregl_views(size):
    cells = -(-size // 8)
    return [ViewWithGrid(size, cells, 0.0), ViewWithGrid(size, cells, 0.2)]
