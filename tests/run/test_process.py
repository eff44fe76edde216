"""`picsync sync` with `every` as a process, with its pages, its files and its signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay.hosts import MONITOR, UPLOADS
from picsync.run.scheduler import MAX_RULES_AT_ONCE
from tests.cache.builders import query
from tests.cli.command_line import REAL_TIME, CommandLine
from tests.household_services import ALBUM
from tests.run.sync_process import PAGE, SyncProcess

CONFIG_OK = "picsync_config_last_reload_successful"
PROBLEMS = "picsync_config_problems"


def rules(status: dict[str, list[dict[str, object]]]) -> set[object]:
    return {rule["name"] for rule in status["rules"]}


def test_the_pages_before_and_after_the_first_cycle(cli: CommandLine) -> None:
    cli.add(3)
    more = "".join(
        f"\n- {{name: {n}, sources: {{googlephotos: [{cli.album.album_id}]}}}}" for n in "BCDEFGHI"
    )
    cli.write_config(head=["every: 1h", PAGE])
    cli.config.write_text(cli.config.read_text("utf-8") + more, "utf-8")
    slow = Fault(kind=FaultKind.TRICKLE, path="mediaItems:search", chunk_bytes=100, delay_s=0.05, count=None)
    cli.server.faults.add(slow)
    with SyncProcess(cli) as picsync:
        picsync.served()
        picsync.until(
            lambda status: sum(rule["phase"] == "running" for rule in status["rules"]) == MAX_RULES_AT_ONCE
        )
        early = picsync.ask("/readyz")
        assert picsync.ask("/healthz").text == "ok\n"
        assert (early.status_code, early.text) == (503, "The rule I has not started its first cycle.\n")
        assert "picsync_cycles_total" in picsync.ask("/metrics").text
        assert picsync.ask("/").status_code == 200
        cli.server.faults.clear()
        picsync.until(lambda status: all(rule["last"] for rule in status["rules"]))
        assert picsync.ask("/readyz").status_code == 200
        assert picsync.metric(f'picsync_cycles_total{{album="{ALBUM}",frame="nixplay",outcome="done"}}') == 1
        status = picsync.status()
        assert (status["ready"], status["rules"][0]["last"]["on_frame"]) == (True, 3)
        assert status["verdict"]["level"] == "attention", status["verdict"]
        assert "No frame shows ss_Family yet" in status["verdict"]["details"][0]
        assert ALBUM in picsync.ask("/").text
        assert picsync.ask("/nonsense").status_code == 404


def test_a_port_that_somebody_else_has(cli: CommandLine) -> None:
    cli.add(1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        cli.write_config(head=["every: 300ms", f"prometheus: {{listen: '127.0.0.1:{port}'}}"])
        picsync = SyncProcess(cli)
        with picsync:
            assert f"port {port}: another process already uses it" in picsync.said("cannot listen")
            picsync.said("1 photo uploaded")
            other.close()
            assert picsync.served().url == f"http://127.0.0.1:{port}"
            assert picsync.metric(f'picsync_photos_on_frame{{album="{ALBUM}",frame="nixplay"}}') == 1
            picsync.process.signal(signal.SIGTERM)
            assert picsync.end() == 0
    assert picsync.text.count("cannot listen") == 1


def test_nonsense_is_refused_and_mending_it_applied(cli: CommandLine) -> None:
    head = ["every: 300ms", PAGE]
    cli.write_config(head=head)
    with SyncProcess(cli) as picsync:
        picsync.served()
        good = cli.config.read_text("utf-8")
        assert (picsync.metric(CONFIG_OK), picsync.metric(PROBLEMS)) == (1, 0)
        cli.config.write_text(good.replace("every:", "evry:").replace("- name: Family", "- nome: x"), "utf-8")
        assert "evry" in picsync.said("evry")
        status = picsync.until(lambda status: status["config_problems"])
        assert (picsync.metric(CONFIG_OK), picsync.metric(PROBLEMS)) == (0, len(status["config_problems"]))
        assert any("picsync.yaml:2: evry" in problem for problem in status["config_problems"])
        assert "evry" in picsync.ask("/").text
        assert picsync.ask("/readyz").status_code == 503
        assert picsync.ask("/healthz").status_code == 200
        cli.add(1)
        picsync.said("1 photo uploaded")

        mended = good.replace("albums:", f"albums:\n- {{name: New, sources: {{googlephotos: {album(cli)}}}}}")
        cli.config.write_text(mended, "utf-8")
        picsync.served()
        status = picsync.until(lambda status: rules(status) == {"New", ALBUM} and status["rules"][0]["last"])
        assert (status["config_problems"], status["ready"]) == ([], True)
        assert (picsync.metric(CONFIG_OK), picsync.metric(PROBLEMS)) == (1, 0)
        assert picsync.metric('picsync_photos_on_frame{album="New",frame="nixplay"}') == 1


def test_a_hangup_applies_the_files_at_once(cli: CommandLine) -> None:
    """Without it a process looks at its files from time to time; systemd and Docker need not wait."""
    cli.add(1)
    cli.write_config(head=["every: 1h", PAGE])
    with SyncProcess(cli) as picsync:
        picsync.served().said("The configuration is in force")
        picsync.until(lambda status: all(rule["last"] for rule in status["rules"]))
        picsync.process.signal(signal.SIGHUP)
        # Even what is unchanged is applied again, and so a secret that a variable's file holds.
        picsync.served().said("The configuration is in force")
        assert picsync.ask("/healthz").status_code == 200
        assert picsync.process.popen.poll() is None


def test_intervals_have_a_floor_which_is_said_once(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 10ms", PAGE])
    with SyncProcess(cli, command=REAL_TIME) as picsync:
        assert f"now used for {ALBUM}" in picsync.said("the shortest interval is 10 s")
        [rule] = picsync.served().until(lambda status: status["rules"][0]["next_at"])["rules"]
        last, due = (datetime.fromisoformat(rule[key]) for key in ("last_at", "next_at"))
        # From one's beginning to the next one's: the cycle itself took its share.
        assert timedelta(seconds=1) < due - last <= timedelta(seconds=10), rule


def album(cli: CommandLine) -> str:
    return f"[{cli.album.album_id}]"


def test_kubernetes_swaps_the_directory_behind_the_file(cli: CommandLine) -> None:
    mount = cli.folder / "mount"
    mount.mkdir()
    cli.write_config(head=["every: 300ms", PAGE])
    first = cli.config.read_text("utf-8")
    publish(mount, "..2026_1", first)
    (mount / "picsync.yaml").symlink_to("..data/picsync.yaml")
    with SyncProcess(cli, str(mount / "picsync.yaml")) as picsync:
        picsync.served()
        assert rules(picsync.status()) == {ALBUM}
        publish(mount, "..2026_2", first.replace(f"name: {ALBUM}", "name: Swapped"))
        picsync.served()
        picsync.until(lambda status: rules(status) == {"Swapped"})


def publish(mount: Path, name: str, text: str) -> None:
    """Bring a new ConfigMap into place as Kubernetes' AtomicWriter does."""
    old = mount / "..data"
    before = old.resolve() if old.is_symlink() else None
    (mount / name).mkdir()
    (mount / name / "picsync.yaml").write_text(text, "utf-8")
    (mount / "..data_tmp").symlink_to(name)
    os.replace(mount / "..data_tmp", old)  # noqa: PTH105 - the name of the call is the point
    if before is not None:
        shutil.rmtree(before)


def test_a_changed_password_heals_when_the_file_has_it(cli: CommandLine) -> None:
    cli.write_config(head=["every: 300ms", PAGE])
    with SyncProcess(cli) as picsync:
        picsync.served()
        picsync.until(lambda status: status["ready"] and status["rules"][0]["last"])

        async def rotate() -> None:
            cli.nixplay.state.accounts["grandma"].password = "rotated"
            cli.nixplay._parts.sessions.expire_all()

        cli.on_loop(rotate())
        cli.add(1)
        picsync.until(lambda status: not status["ready"])
        assert "Not logged in to Nixplay." in picsync.ask("/readyz").text
        assert picsync.metric('picsync_login_ok{service="Nixplay"}') == 0
        text = cli.credentials.read_text("utf-8")
        cli.credentials.write_text(text.replace("emulated-password", "rotated"), "utf-8")
        picsync.served().said("1 photo uploaded")
        picsync.until(lambda status: status["ready"])
        assert picsync.metric('picsync_login_ok{service="Nixplay"}') == 1
    assert cli.on_frame() == 1


def test_a_refused_account_that_no_rule_uses_is_forgotten(cli: CommandLine) -> None:
    head = ["every: 300ms", PAGE]
    cli.write_config(head=head, rule=["frames: [nixplay, grandpa]"])
    one = cli.config.read_text("utf-8")
    text = cli.credentials.read_text("utf-8")
    cli.credentials.write_text(
        f"{text}accounts: {{grandpa: {{kind: nixplay, username: hans, password: x}}}}\n"
    )
    with SyncProcess(cli) as picsync:
        picsync.served()
        picsync.until(lambda status: not status["ready"] and all(rule["last"] for rule in status["rules"]))
        assert picsync.ask("/readyz").text == "Not logged in to Nixplay (grandpa).\n"
        cli.config.write_text(one.replace(", grandpa]", "]"), "utf-8")
        picsync.served()
        status = picsync.until(lambda status: status["ready"])
        assert [login["service"] for login in status["logins"]] == ["Nixplay", "Google Photos"]
        assert 'picsync_login_ok{service="Nixplay (grandpa)"}' not in picsync.ask("/metrics").text


def test_an_idle_service_ends_at_once(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 1h", PAGE])
    with SyncProcess(cli, command=REAL_TIME) as picsync, socket.socket() as silent:
        picsync.served()
        picsync.until(lambda status: status["rules"][0]["last"])
        host, _, port = picsync.url.removeprefix("http://").partition(":")
        silent.connect((host, int(port)))
        silent.sendall(b"GET / HT")
        began = time.monotonic()
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        # Less than one where the machine is not busy; what waits for anything takes the 25 of grace.
        took_s = time.monotonic() - began
        assert took_s < 15.0, f"{took_s:.2f} s"


def test_an_upload_on_its_way_is_finished_and_never_repeated(cli: CommandLine) -> None:
    cli.add(2)
    cli.nixplay.options.processing_seconds = 0.7
    cli.nixplay.options.monitor_waits = True
    cli.write_config(head=["every: 1h", PAGE])
    with SyncProcess(cli, command=REAL_TIME) as picsync:
        cli.wait_for(lambda log: log.count(host=MONITOR) >= 1)
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        assert cli.on_frame() >= 1
    cli.nixplay.options.monitor_waits = False
    cli.add(1)
    assert cli.run("sync", "--once").code == 0
    assert (cli.on_frame(), cli.in_playlist()) == (3, 3)
    assert cli.server.log.count(host=UPLOADS, method="POST") == 3
    assert cli.downloads() == 3


def test_a_second_signal_breaks_an_upload_off(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 1h", PAGE])
    cli.server.faults.add(Fault(kind=FaultKind.HANG, host=UPLOADS))
    with SyncProcess(cli, command=REAL_TIME) as picsync:
        cli.wait_for(lambda log: log.count(host=UPLOADS) == 1)
        picsync.process.signal(signal.SIGTERM)
        picsync.said("Press Ctrl-C again to stop at once")
        began = time.monotonic()
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        assert time.monotonic() - began < 3.0
        assert "Traceback" not in picsync.text
    assert cli.run("sync", "--once").code == 0
    assert (cli.on_frame(), cli.in_playlist()) == (1, 1)


def test_a_second_process_says_who_has_the_cache(cli: CommandLine) -> None:
    cli.write_config(head=["every: 300ms", PAGE])
    with SyncProcess(cli) as picsync:
        picsync.served()
        second = cli.start("sync").end()
        second.assert_message(4, "is in use by process", str(picsync.process.popen.pid), "picsync sync-now")
        assert picsync.ask("/readyz").status_code == 200


def test_a_dry_run_reads_the_cache_of_a_service_that_runs(cli: CommandLine) -> None:
    cli.add(2)
    cli.write_config(head=["every: 1h", PAGE])
    with SyncProcess(cli) as picsync:
        picsync.served()
        picsync.until(lambda status: status["rules"][0]["next_at"] is not None)
        cli.add(1)
        before = query(cli.cache, "SELECT * FROM mapping")
        dry = cli.run("sync", "--dry-run")
        dry.assert_message(0, "in use by process", str(picsync.process.popen.pid), "writes nothing to it")
        assert dry.out.count("  upload IMG_") == dry.out.count("  upload IMG_3.jpg") == 1, dry.out
        assert cli.downloads() == 3  # Two by the service: the dry run knows them from its cache.
        assert query(cli.cache, "SELECT * FROM mapping") == before
        cli.run("sync-now").assert_message(0)
        picsync.said("3 photos on the frame")
    # The original of the new photo, and what was sent of it.
    assert len(query(cli.cache, "SELECT * FROM mapping")) == len(before) + 2


def test_all_times_are_those_of_the_zone(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 1h", PAGE])
    with SyncProcess(cli, "--log-format", "json", env={"TZ": "Asia/Kolkata"}) as picsync:
        said = json.loads(picsync.said("Status page"))
        assert said["time"].endswith("+05:30")
        picsync.url = re.findall(r"http://[^/]+", said["message"])[0]
        status = picsync.until(lambda status: status["rules"][0]["next_at"] is not None)
        times = [status["now"], status["started_at"], status["rules"][0]["last_at"]]
        times += [event["at"] for event in status["events"]]
        assert {time[-6:] for time in times} == {"+05:30"}
        page = picsync.ask("/").text
        assert len(re.findall(r"\d\d:\d\d:\d\d IST", page)) == 3  # now, the last cycle, the next one
        other = {"env": {"TZ": "Asia/Kolkata"}}
        assert " IST)" in cli.start("sync", **other).end().err
        assert cli.start("cache", "status", **other).end().out.rstrip().endswith(" IST.")
        assert "UTC" not in page + picsync.text


def test_an_unknown_zone_is_said_once(cli: CommandLine) -> None:
    cli.write_config(head=["every: 300ms", PAGE])
    with SyncProcess(cli, env={"TZ": "Europe/Berlinn"}) as picsync:
        assert "Did you mean TZ=Europe/Berlin?" in picsync.said("'Europe/Berlinn', which is not a time zone")
        picsync.served()
        picsync.until(lambda status: status["rules"][0]["last"])
        assert " UTC)" in picsync.ask("/").text
        found = cli.start("doctor", env={"TZ": "Europe/Berlinn"}).end()
        assert re.search(r"time zone.*Europe/Berlinn", found.out), found.out
        assert "Did you mean TZ=Europe/Berlin?" in found.out
    assert picsync.text.count("Berlinn") == 1


@contextlib.contextmanager
def holding_deletes(cli: CommandLine) -> Iterator[SyncProcess]:
    """Run picsync with the deletes of three photos, all that there are, held back after its first cycle."""
    items = cli.add(3)
    cli.write_config(head=["every: 1h", PAGE])
    assert cli.run("sync", "--once").code == 0
    for item in items:
        cli.google.remove_item(item, cli.album)
    with SyncProcess(cli) as picsync:
        picsync.served()
        picsync.said("3 photos of 3 not deleted")
        picsync.until(lambda status: status["rules"][0]["next_at"] is not None)
        yield picsync


def test_held_deletes_are_released_while_the_service_runs(cli: CommandLine) -> None:
    with holding_deletes(cli) as picsync:
        assert cli.on_frame() == 3
        cli.run("allow-deletes").assert_message(0)
        picsync.said("3 deleted; 0 photos on the frame")
        assert cli.on_frame() == 0


def test_requests_are_answered(cli: CommandLine) -> None:
    cli.add(1)
    cli.write_config(head=["every: 1h", PAGE])
    with SyncProcess(cli) as picsync:
        picsync.served()
        picsync.until(lambda status: status["rules"][0]["next_at"] is not None)
        cli.run("sync-now", "Famly").assert_message(
            1, "has no album rule Famly", "Album rules: Family. Did you mean `Family`?"
        )
        asked = cli.run("sync-now", ALBUM)
        assert (asked.code, asked.out) == (0, "picsync starts a cycle of Family now.\n")
        picsync.said("the operator asked for a cycle")


def test_a_folder_of_requests_that_cannot_be_used_is_said_once(cli: CommandLine) -> None:
    items = cli.add(3)
    cli.write_config()
    assert cli.run("sync").code == 0
    for item in items:
        cli.google.remove_item(item, cli.album)
    folder = cli.cache.with_name(cli.cache.name + ".requests")
    if folder.exists():
        shutil.rmtree(folder)
    folder.write_text("")
    cli.write_config(head=["every: 300ms", PAGE])
    with SyncProcess(cli) as picsync:
        picsync.served()
        assert f"Remove {folder}." in picsync.said("cannot wake this picsync")
        picsync.said("cannot be written to")
        cycles = f'picsync_cycles_total{{album="{ALBUM}",frame="nixplay",outcome="held"}}'
        picsync.until_any(lambda: picsync.metric(cycles), lambda count: count > 3)
        cli.run("sync-now").assert_message(1, "in use by process", "does not accept requests")
    assert picsync.text.count("cannot be written to") == 1
    assert picsync.text.count("cannot wake this picsync") == 1


def test_the_operator_releases_held_deletes_on_the_page(cli: CommandLine) -> None:
    with holding_deletes(cli) as picsync:
        token = cli.run("operator-token").out.strip()

        def press(**fields: str) -> str:
            sent = picsync.client.post(
                f"{picsync.url}/operator", data=fields, headers={"Origin": picsync.url}, follow_redirects=True
            )
            assert sent.status_code == 200, sent.text
            return sent.text

        assert "Signed in as the operator." in press(do="enter", token=token)
        page = press(do="sync")
        picsync.said("the operator asked for a cycle")
        picsync.until(lambda status: status["rules"][0]["next_at"] is not None)
        form = dict(re.findall(r'name="(rule|held)" value="(\w+)"', page))
        assert "The held deletes of Family are allowed" in press(do="allow", **form)
        picsync.said("the operator allowed 3 held deletes")
        picsync.said("3 deleted; 0 photos on the frame")
        assert cli.on_frame() == 0
        assert token not in picsync.text


def test_scrapes_in_quick_succession_do_not_disturb_a_bulk_sync(cli: CommandLine) -> None:
    cli.add(150)
    cli.write_config(head=["every: 1h", PAGE])
    took: list[float] = []
    with SyncProcess(cli, command=REAL_TIME) as picsync:
        picsync.served()

        def scrape() -> float:
            for path in ("/metrics", "/healthz", "/"):
                began = time.monotonic()
                assert picsync.ask(path).status_code == 200
                took.append(time.monotonic() - began)
            return picsync.metric(f'picsync_cycles_total{{album="{ALBUM}",frame="nixplay",outcome="done"}}')

        picsync.until_any(scrape, lambda done: done == 1)
        assert picsync.metric(f'picsync_photos_uploaded_total{{album="{ALBUM}",frame="nixplay"}}') == 150
        picsync.process.signal(signal.SIGTERM)
        assert picsync.end() == 0
        assert "Trying again" not in picsync.text
    assert (cli.on_frame(), cli.in_playlist(), cli.downloads()) == (150, 150, 150)
    assert len(took) > 30
    assert statistics.median(took) < 0.25
