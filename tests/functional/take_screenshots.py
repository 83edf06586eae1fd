"""Makes the pictures in docs/images: `.venv/bin/python -m tests.functional.take_screenshots [DIRECTORY]`.

A real appliance with mail that went well, mail that did not, and a broken account; a real Chromium looks at it.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from tests.functional.mail import add_account, message, post  # noqa: E402
from tests.functional.processes import CHECKOUT, Appliance, running  # noqa: E402
from tests.smtp_sink import SmtpSink  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PEOPLE = ("ann", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


def main() -> None:
    pictures = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "docs" / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, SmtpSink() as sink, running(Path(directory)) as appliance:
        shown = _tell_a_story(appliance, sink)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            _take(
                browser, appliance, {"status": "/", "messages": "/messages", "message": f"/messages/{shown}"}, pictures
            )
            browser.close()


def _tell_a_story(appliance: Appliance, sink: SmtpSink) -> str:
    """Returns the id of a message with something to tell."""
    sink.reply("RCPT", "550 5.1.1 no such user here", when=lambda words: "mallory" in words)
    sink.reply("RCPT", "451 4.7.1 greylisted, try again later", when=lambda words: "victor" in words)
    broken = add_account(appliance, sink, name="Old relay", email="old@example.com", port=9, priority=10)
    add_account(appliance, sink, name="Shop", email="shop@example.com", daily_limit=40)
    add_account(appliance, sink, name="Newsletter", email="news@example.com", daily_limit=25)
    sent = [
        post(appliance, f"{PEOPLE[number % 8]}@example.com", subject=f"Invoice {1000 + number}", tags=["invoice"])
        for number in range(40)
    ]
    partial = post(
        appliance,
        "ann@example.com",
        "mallory@example.com",
        subject="Your order has been shipped",
        html="<h1 style='color:#2b4fa3'>On its way</h1><p>Hello Ann, your order left our house <b>today</b>.</p>",
        tags=["order"],
    )
    post(appliance, "victor@example.com", subject="Confirm your address", tags=["account"])
    wait_until(lambda: message(appliance, partial)["status"] == "partially_sent", timeout=30)
    wait_until(lambda: all(message(appliance, one)["status"] == "sent" for one in sent[-5:]), timeout=30)
    assert broken
    return partial


def _take(browser: Browser, appliance: Appliance, paths: dict[str, str], pictures: Path) -> None:
    for size, suffix in ((WIDE, ""), (PHONE, "-phone")):
        page = browser.new_page(viewport=size)
        page.goto(f"http://127.0.0.1:{appliance.port}/sign-in")
        page.get_by_label("Name").fill("alice")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Sign in").click()
        for name, path in paths.items():
            page.goto(f"http://127.0.0.1:{appliance.port}{path}")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=str(pictures / f"{name}{suffix}.png"), full_page=True)
        page.close()


if __name__ == "__main__":
    main()
