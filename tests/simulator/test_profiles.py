import pytest
from pydantic import TypeAdapter

from monitor.simulator.cases import table
from monitor.simulator.joint import expected_rates, joints
from monitor.simulator.profiles import PROFILES, Profile
from schemas.base import Name, Pseudonym

each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def test_features_share_the_traffic() -> None:
    assert sum(profile.share for profile in PROFILES) == pytest.approx(1.0)
    assert len({profile.name for profile in PROFILES}) == len(PROFILES) >= 6


@each_profile
def test_every_mix_adds_up(profile: Profile) -> None:
    mixes = (profile.prompt_versions, profile.locales, profile.regions, profile.user_segments, profile.tenants)
    for mix in mixes:
        assert sum(share for _, share in mix) == pytest.approx(1.0)
    assert sum(model.share for model in profile.models) == pytest.approx(1.0)
    assert sum(category.share for category in profile.categories) == pytest.approx(1.0)


@each_profile
def test_names_fit_the_contract(profile: Profile) -> None:
    assert TypeAdapter[str](Name).validate_python(profile.emitter(0)) == profile.emitter(0)
    for tenant, _ in profile.tenants:
        assert TypeAdapter[str](Pseudonym).validate_python(tenant) == tenant


@each_profile
def test_odds_are_odds(profile: Profile) -> None:
    found = table(profile)
    assert found.shares.sum() == pytest.approx(1.0)
    for group in found.groups:
        assert group.odds.shape == (len(found.strata), len(group.texts))
        assert group.odds[:, -1] == pytest.approx(1.0)
        assert (group.odds >= 0.0).all()
    for joint in joints(profile):
        assert joint.odds.sum() == pytest.approx(1.0)


def test_the_joint_distribution_keeps_the_margins() -> None:
    for profile in PROFILES:
        rates = expected_rates(profile)
        refused = sum(
            arm * category.share * model.share * category.refusal_rate * model.refusal_factor
            for arm in (1.0 - profile.canary.share, profile.canary.share)
            for category in profile.categories
            for model in profile.models
        )
        assert rates["refusal_rate"] == pytest.approx((1.0, refused), rel=1e-3)
        scanned = 1.0 - profile.pii_unscanned
        assert rates["pii_leak_rate"] == pytest.approx((scanned, scanned * profile.pii_leak), rel=1e-2)
        assert rates["guardrail_bypass_rate"][1] == pytest.approx(profile.guardrail_bypass, rel=1e-2)
        assert rates["unsafe_tool_call_rate"][0] == pytest.approx(profile.tool_use, rel=1e-3)
        assert rates["redaction_compliance"][1] == pytest.approx(profile.redaction_failed, rel=1e-2)


def test_refusal_rates_lie_in_the_published_spread() -> None:
    for profile in PROFILES:
        assert all(0.03 <= category.refusal_rate <= 0.36 for category in profile.categories)
