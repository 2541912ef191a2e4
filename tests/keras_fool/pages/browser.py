"""A real Chromium without a window, driven by WebDriver, https://www.w3.org/TR/webdriver2/.

Its DevTools are asked where WebDriver has no word: sizes of screens, dark mode, pages without
programs. Every message and request of a page is kept.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

DRIVER = shutil.which("chromedriver")
_FLAGS = (
    "--headless=new",
    "--no-first-run",
    "--disable-dev-shm-usage",  # in containers it is small
    "--disable-gpu",
    "--hide-scrollbars",
)


@contextlib.contextmanager
def started(profile: pathlib.Path) -> Iterator["Browser"]:
    """Starts a browser with an empty profile in a folder, and ends it."""
    assert DRIVER is not None, "there is no chromedriver"
    # Port 0 is any that is free; the driver prints which.
    driver = subprocess.Popen(
        [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert driver.stdout is not None
    browser = None
    try:
        for line in driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                browser = Browser(f"http://127.0.0.1:{found[1]}", profile)
                break
        assert browser is not None, f"{DRIVER} ended with {driver.wait()}"
        yield browser
    finally:
        if browser is not None:
            browser.quit()
        driver.terminate()
        driver.communicate()


class Browser:
    """One window."""

    def __init__(self, address: str, profile: pathlib.Path):
        flags = [*_FLAGS, f"--user-data-dir={profile}"]
        if os.getuid() == 0:
            flags.append("--no-sandbox")  # Chromium's sandbox refuses root
        wanted = {
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self._session = address
        found = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"{address}/session/{found['sessionId']}"

    def open(self, path: pathlib.Path) -> None:
        """Opens a file and waits until it is loaded."""
        self._ask("POST", "/url", {"url": path.resolve().as_uri()})

    def run(self, program: str, *arguments: Any) -> Any:
        """What the body of a JavaScript function returns; the arguments are `arguments`."""
        return self._ask("POST", "/execute/sync", {"script": program, "args": list(arguments)})

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screen(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Gives the page so many pixels, in light or dark."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])

    def type(self, selector: str, text: str) -> None:
        """Types a text into an element, key by key."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        (element,) = found.values()
        self._ask("POST", f"/element/{element}/value", {"text": text})

    def press(self, key: str) -> None:
        """Presses a key where the focus is."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def messages(self) -> list[str]:
        """What the console has had since the last call: errors, refusals of the policy."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call, without data in the page."""
        found = []
        for entry in self._log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return [address for address in found if not address.startswith("data:")]

    def screenshot(self, whole: bool = True) -> bytes:
        """The page as a PNG file, in its whole length or as far as the screen shows it."""
        found = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def quit(self) -> None:
        """Closes the browser."""
        self._ask("DELETE", "")

    def _log(self, kind: str) -> list[dict]:
        return self._ask("POST", "/se/log", {"type": kind})

    def _ask(self, method: str, path: str, body: dict | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._session + path, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None
