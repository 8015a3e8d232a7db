"""When a person has to be told of a seller's work, when it is over, and what is said of a daemon's health."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pushdsl.standings import Incident, Limits, Standing, after, changes, health, incidents, shrunk
from pushdsl.store import LaneSummary, WorkSummary

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIMITS = Limits(stuck=900, snapshot=3600, swept=30)


def ago(**since: float) -> datetime:
    return NOON - timedelta(**since)


def work(*lanes: LaneSummary, to_plan: int = 0, since: datetime | None = None) -> WorkSummary:
    return WorkSummary(lanes, to_plan, since, 0)


def kinds(*standings: Standing) -> set[tuple[str, str, str]]:
    return set(incidents(standings, NOON, LIMITS))


def lane(waiting: int, since: datetime | None, success: datetime | None) -> Standing:
    return Standing("", work(LaneSummary("shopee_my", waiting, since, last_success=success)), swept_at=NOON)


class TestStuck:
    def test_work_that_waits_and_no_success_for_a_quarter_of_an_hour(self) -> None:
        assert kinds(lane(3, ago(minutes=15), ago(minutes=15))) == {("stuck", "", "shopee_my")}

    def test_a_store_that_never_confirmed_anything(self) -> None:
        found = incidents([lane(3, ago(hours=1), None)], NOON, LIMITS)

        assert found["stuck", "", "shopee_my"].text == "3 cells wait to be pushed, never confirmed"

    def test_a_store_that_had_no_work_for_hours_is_not_stuck_when_some_comes(self) -> None:
        assert kinds(lane(3, ago(seconds=2), ago(hours=5))) == set()

    def test_a_long_queue_that_moves_is_not_stuck(self) -> None:
        assert kinds(lane(30_000, ago(hours=1), ago(seconds=2))) == set()

    def test_a_store_without_work_is_not_stuck(self) -> None:
        assert kinds(lane(0, None, ago(days=3))) == set()

    def test_a_second_before_the_limit_nothing_is_told(self) -> None:
        assert kinds(lane(3, ago(minutes=14, seconds=59), None)) == set()

    def test_it_says_why_the_store_is_left_alone(self) -> None:
        paused = LaneSummary("shopee_my", 1, ago(hours=1), NOON, "error 503", ago(hours=1))

        [found] = incidents([Standing("", work(paused))], NOON, LIMITS).values()

        assert found.text == (
            "1 cells wait to be pushed, nothing was confirmed since 2026-05-04T11:00:00Z; paused: error 503"
        )

    def test_what_waits_to_be_planned_for_too_long(self) -> None:
        assert kinds(Standing("", work(to_plan=7, since=ago(hours=1)))) == {("stuck", "", "")}

    def test_what_is_held_up_is_told_once_and_not_for_each_store(self) -> None:
        stuck = LaneSummary("shopee_my", 1, ago(hours=1))

        assert kinds(Standing("anna", work(stuck), held_up="switched off")) == {("held_up", "anna", "")}


def test_what_the_daemon_noticed_itself_is_told() -> None:
    standing = Standing("anna", work(), alarms={("token", "shopee_my"): "the token ran out"})

    assert kinds(standing) == {("token", "anna", "shopee_my")}


def test_a_snapshot_that_is_too_old_is_told_with_its_source() -> None:
    standing = Standing("", work(), snapshots={"erp": ago(minutes=61), "pos": ago(minutes=59)})

    assert kinds(standing) == {("snapshot", "", "erp")}


def test_unbound_listings_are_one_incident_a_store_with_some_of_their_names() -> None:
    listings = (*(("shopee_my", f"MUG-{k}") for k in range(4)), ("lazada_my", "MUG-0"))

    found = incidents([Standing("", work(), unbound=listings)], NOON, LIMITS)

    assert {one.store: one.size for one in found.values()} == {"shopee_my": 4, "lazada_my": 1}
    assert "MUG-0, MUG-1, MUG-2, …: 4 unbound" in found["unbound", "", "shopee_my"].text


class TestChanges:
    ONE = Incident("unbound", "", "shopee_my", "1", size=1)
    TWO = Incident("unbound", "", "shopee_my", "2", size=2)

    def told(self, *looks: Incident | None) -> list[str]:
        """What is told over several looks, each of which finds one incident or none."""
        known: dict[tuple[str, str, str], Incident] = {}
        said = []
        for look in looks:
            found = {look.key: look} if look else {}
            known = shrunk(known, found)
            for change in changes(known, found):
                said.append(f"{'over' if change.over else 'begun'} {change.incident.text}")
                known = after(known, change)
        return said

    def test_an_incident_is_told_once_and_once_when_it_is_over(self) -> None:
        assert self.told(self.ONE, self.ONE, None, None, self.ONE) == ["begun 1", "over 1", "begun 1"]

    def test_an_incident_that_grows_is_told_again_and_one_that_shrinks_is_not(self) -> None:
        assert self.told(self.ONE, self.TWO, self.ONE, self.TWO) == ["begun 1", "begun 2", "begun 2"]

    @given(st.lists(st.sets(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"))), max_size=8))
    def test_whatever_happens_begun_and_over_take_turns(self, looks: list[set[tuple[str, str]]]) -> None:
        known: dict[tuple[str, str, str], Incident] = {}
        states: dict[tuple[str, str, str], bool] = {}
        for look in looks:
            found = incidents_of(look)
            for change in changes(known, found):
                assert states.get(change.incident.key, True) is not change.over
                states[change.incident.key] = change.over
                known = after(known, change)
            assert known == found


def incidents_of(look: Iterable[tuple[str, str]]) -> dict[tuple[str, str, str], Incident]:
    found = [Incident(kind, "", store, "") for kind, store in look]
    return {one.key: one for one in found}


class TestHealth:
    def test_a_daemon_that_looks_at_its_work_is_well(self) -> None:
        paused = LaneSummary("shopee_my", 2, ago(seconds=40), ago(seconds=-60), "too many calls")

        said = health([Standing("anna", work(paused), swept_at=ago(seconds=2))], NOON, LIMITS)

        assert said == {
            "working": True,
            "at": "2026-05-04T12:00:00Z",
            "tenants": {
                "anna": {
                    "ok": True, "held_up": "", "swept_at": "2026-05-04T11:59:58Z", "waiting": 2, "to_plan": 0,
                    "oldest_trigger_seconds": 40.0,
                    "paused": [{"store": "shopee_my", "until": "2026-05-04T12:01:00Z", "why": "too many calls"}],
                }
            },
        }  # fmt: skip

    def test_one_that_did_not_look_for_half_a_minute_does_not_work(self) -> None:
        assert health([Standing("", work(), swept_at=ago(seconds=31))], NOON, LIMITS)["working"] is False

    def test_one_whose_record_cannot_be_asked_does_not_work(self) -> None:
        assert health([Standing("", None, swept_at=NOON)], NOON, LIMITS)["working"] is False

    def test_a_seller_who_is_held_up_is_not_ok_and_the_daemon_works(self) -> None:
        said = health([Standing("", work(), held_up="switched off", swept_at=NOON)], NOON, LIMITS)

        assert (said["working"], said["tenants"][""]["ok"]) == (True, False)  # type: ignore[index]

    def test_a_clock_of_the_record_that_is_ahead_makes_no_age_below_0(self) -> None:
        said = health([Standing("", work(to_plan=1, since=ago(seconds=-5)), swept_at=NOON)], NOON, LIMITS)

        assert said["tenants"][""]["oldest_trigger_seconds"] == 0  # type: ignore[index]
