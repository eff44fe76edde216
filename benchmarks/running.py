"""Sets up a scene, runs picsync in it, and collects the figures."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from benchmarks.ideal import SERIAL, Caps, Work, ideal_s
from benchmarks.measure import THIS, Program
from benchmarks.operations import counted
from benchmarks.replay import Script, run_bare
from benchmarks.results import Result
from benchmarks.scenes import SCENARIOS, Scenario, Scene, world
from picsync.emulators.wireprofile import LAN, PROFILES, Wire


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    scenario: str
    size: int
    """Photos, over all rules."""
    profile: str = "home"
    photo_bytes: int = 300_000
    serial: bool = False

    def __str__(self) -> str:
        how = ", one request at a time" if self.serial else ""
        title = SCENARIOS[self.scenario].title
        return f"{title}, {self.size:,} photos of {self.photo_bytes / 1000:g} kB, {self.profile}{how}"


def caps() -> Caps:
    """Return the default concurrency limits of picsync."""
    from picsync.frames.nixplay.client import PHOTOS, PROCESSING, UPLOADS
    from picsync.http.pace import API, DOWNLOADS

    return Caps(
        api=API.cap,
        downloads=DOWNLOADS.cap,
        uploads=UPLOADS.cap,
        processing=PROCESSING.cap,
        photos=PHOTOS.cap,
    )


async def run_case(case: Case, program: Program = THIS) -> Result:
    """Measure one case, and the bare client with the same requests.

    Raises ProgramFailedError if picsync fails, AssertionError if the frame is not in sync afterwards.
    """
    scenario, profile = SCENARIOS[case.scenario], PROFILES[case.profile]
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as name:
        folder = Path(name)
        async with world() as services:
            scene = Scene(
                folder,
                services,
                case.photo_bytes,
                source=scenario.source,
                authority_by_setting=program.knows_authorities,
                rule_lines=scenario.rule_lines,
            )
            await _prepare(scene, scenario, case.size, program)
            wire = scene.set_wire(profile, one_at_a_time=case.serial)
            services.server.log.clear()
            spent, emulator = await measure.cycle(scene, program)
            scene.set_wire(LAN)
            scene.assert_synced()
        log = services.server.log
        rules = scenario.rules(case.size)
        work = Work(rules, scenario.moved(case.size // rules), case.photo_bytes, scenario.source)
        used = SERIAL if case.serial else caps()
        # With consecutive requests it would take as long again, and show nothing else.
        script = Script.of(log.records)
        bare = None if case.serial else await run_bare(folder, script, used, Wire(profile))
        return Result(
            scenario=case.scenario,
            size=case.size,
            photo_bytes=case.photo_bytes,
            profile=wire.profile.name,
            serial=case.serial,
            wall_s=spent.wall_s,
            cpu_s=spent.cpu_s,
            peak_bytes=spent.peak_bytes,
            first_request_s=log.records[0].at - spent.started_at,
            wire_s=ideal_s(work, profile, used, one_at_a_time=case.serial),
            bare=bare,
            requests=counted(log.records),
            bytes_in=log.bytes_out(),
            bytes_out=log.bytes_in(),
            in_flight=dict(log.max_in_flight),
            emulator=emulator,
        )


async def _prepare(scene: Scene, scenario: Scenario, size: int, program: Program) -> None:
    await scenario.build(scene, size)
    scene.write_settings()
    if scenario.change is not None:
        await measure.cycle(scene, program)
        scene.assert_synced()
        scenario.change(scene)
