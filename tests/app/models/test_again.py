"""A model that is got, deleted and got again in one session."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.models.library import Listing, ModelLibrary, Offer
from app.models.wizard.download_page import DownloadPage
from app.models.wizard.wizard_page import Plan
from tests.engine.library.hub import FakeHub


def test_a_model_is_fetched_as_often_as_it_is_got(qtbot: QtBot, library: ModelLibrary, hub: FakeHub) -> None:
    """Guards against "Downloaded and verified" for a model that is no longer there, until Updraft is restarted."""
    offers: list[Offer] = []
    library.survey(4096).finished.connect(lambda survey: offers.extend(survey.offers))
    qtbot.waitUntil(lambda: bool(offers))
    plan = Plan()
    plan.offer = next(offer for offer in offers if offer.name == "smollm2-135m")
    page = DownloadPage(library, plan)
    qtbot.addWidget(page)
    listings: list[Listing] = []
    library.listed.connect(listings.append)
    for times in (1, 2):
        page.initializePage()
        qtbot.waitUntil(page.isComplete, timeout=20_000)
        assert len(hub.asked("/blobs/")) == times
        qtbot.waitUntil(lambda: bool(listings) and bool(listings[-1].models), timeout=10_000)
        (model,) = listings[-1].models
        library.remove(model)
        qtbot.waitUntil(lambda: not listings[-1].models, timeout=10_000)
        assert library.downloads.jobs == ()
