from datetime import datetime
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from picsync.emulators.samples import SCENES, write_sample, write_samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_samples(tmp_path_factory.mktemp("samples") / "new" / "folder")


def test_there_are_about_twenty_with_friendly_names_of_their_own(samples: list[Path]) -> None:
    assert 20 <= len(samples) <= 24
    assert samples[0].name == "Hills at dawn.jpg"
    assert len(set(samples)) == len(samples)
    assert sorted(samples[0].parent.iterdir()) == sorted(samples)


def test_each_is_a_small_valid_jpeg(samples: list[Path]) -> None:
    for path in samples:
        assert 40_000 <= path.stat().st_size <= 150_000, path.name
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert image.width * image.height >= 1_500_000


def test_landscape_portrait_and_square_are_among_them(samples: list[Path]) -> None:
    ratios = set()
    for path in samples:
        with Image.open(path) as image:
            ratios.add((image.width > image.height) - (image.width < image.height))
    assert ratios == {-1, 0, 1}


def test_each_says_when_it_was_taken(samples: list[Path]) -> None:
    taken = set()
    for path in samples:
        with Image.open(path) as image:
            text = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        taken.add(datetime.strptime(text, "%Y:%m:%d %H:%M:%S"))  # noqa: DTZ007 - a camera's clock has no zone
    assert len(taken) == len(samples)


def test_no_two_are_alike(samples: list[Path]) -> None:
    assert len({path.read_bytes() for path in samples}) == len(samples)


@pytest.mark.parametrize("number", range(len(SCENES)), ids=lambda number: SCENES[number].title)
def test_painting_again_gives_the_same_bytes(number: int, samples: list[Path], tmp_path: Path) -> None:
    assert write_sample(tmp_path, number).read_bytes() == samples[number].read_bytes()
