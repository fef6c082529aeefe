"""Airflow's UI and the Release page as the sandbox's users see them: windows of one browser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sandbox.demo.airflow_client import AirflowClient, RunState
from sandbox.demo.display import Follower
from sandbox.supervisor.settings import Settings
from tests.browser import window, words

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: A machine that also runs a whole release is slow to draw.
WAIT_SECONDS = 90


class Windows:
    """Opens windows of a browser.

    :param browser: the browser.
    :param settings: the sandbox.
    :param opened: closes them.
    """

    def __init__(self, browser: Browser, settings: Settings, opened: ExitStack) -> None:
        self._browser, self._settings, self._opened = browser, settings, opened

    def open(
        self, user: str, path: str, *, width: int = 1440, height: int = 900, theme: str = "light"
    ) -> Page:
        """Open a page.

        :param user: one of the sandbox's users, who is signed in.
        :param path: of the page, below Airflow's address.
        :param width: in pixels.
        :param height: in pixels.
        :param theme: ``light`` or ``dark``.
        """
        with AirflowClient(self._settings, user) as client:
            context = window(self._browser, {}, width=width, height=height, theme=theme)
            self._opened.callback(context.close)
            # Airflow's sign-in leaves it.
            context.add_cookies([{"name": "_token", "value": client.token, "url": client.url}])
            context.set_default_timeout(1000 * WAIT_SECONDS)
            page = context.new_page()
            page.goto(f"{client.url}{path}")
        return page

    def request_release(self, user: str, version: str) -> str:
        """Request a release in Airflow's trigger form, and return the id of its run.

        :param user: who requests it.
        :param version: the version.
        """
        page = self.open(user, "/dags/release")
        page.get_by_role("button", name="Trigger").first.click()
        page.locator("#element_version").fill(version)
        page.locator("#element_reason").fill("demonstration")
        run = sent(page, page.get_by_test_id("trigger-dag-submit").click)
        page.context.close()
        return str(run["dag_run_id"])


def sent(page: Page, click: Callable[[], None]) -> Any:
    """Return what Airflow answers to what a click sends.

    :param page: the page with a form filled in.
    :param click: sends the form.
    """
    with page.expect_response(lambda answer: answer.request.method in ("POST", "PATCH")) as answered:
        click()
    assert answered.value.ok, answered.value.text()
    return answered.value.json()


def labels(page: Page) -> list[str]:
    """Return what a release's page lets the user do, the next thing first."""
    page.locator(".actions .button").first.wait_for()
    return page.locator(".actions .button:visible").all_inner_texts()


def act(page: Page, label: str, reason: str | None = None) -> Any:
    """Do what a release's page offers: open its form, and send it.

    :param page: the page.
    :param label: of the action.
    :param reason: what its form asks for; None where it asks for none.
    :return: Airflow's answer.
    """
    action = page.locator(".actions details").filter(has=page.locator("summary", has_text=label)).first
    action.locator("summary").click()
    if reason is not None:
        action.get_by_label("Reason").fill(reason)
    return sent(page, action.get_by_role("button", name=f"{label} now").click)


class Watched:
    """The page of a run's release, opened as soon as the run is there and never loaded again.

    :param windows: the windows.
    :param user: who watches.
    :param progress: what else follows the run.
    :param look: width and theme of the window.
    """

    def __init__(self, windows: Windows, user: str, progress: Follower, **look: Any) -> None:
        self._windows, self._user, self._progress, self._look = windows, user, progress, look
        self._page: Page | None = None
        self.seen: list[str] = []

    @property
    def page(self) -> Page:
        """The page."""
        assert self._page is not None, "no release was watched"
        return self._page

    def begin(self, run_id: str) -> str:
        """Open the page of a run."""
        self._page = self._windows.open(self._user, f"/slipway/dags/release/runs/{run_id}", **self._look)
        return run_id

    def show(self, state: RunState) -> None:
        """Note what the page says, and let the other follower know."""
        self._progress.show(state)
        self.seen.append(words(self.page))
