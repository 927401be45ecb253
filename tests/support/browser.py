"""A headless Chromium that tests drive by its own protocol, over two pipes."""

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(sys.prefix) / "axe" / "axe_playwright_python" / "axe.min.js"
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # A request for anything but a file fails and is logged.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars"),
    "--remote-debugging-pipe",
)


class Tab:
    """A page in the browser."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self.browser = browser
        self.session = session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol, and return its result."""
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width_px: int, height_px: int = 900) -> None:
        """Give the page a window of this size."""
        size = {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def emulate(self, *, colours: str = "light", media: str = "", script: bool = True) -> None:
        """Let the page see other colours, the media of a printer, or run no script."""
        scheme = [{"name": "prefers-color-scheme", "value": colours}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a `<select>`, as a reader does."""
        box = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(
            f"{box}.value = {json.dumps(value)};"
            f"{box}.dispatchEvent(new Event('change', {{bubbles: true}}))"
        )

    def slide(self, selector: str, value: float) -> None:
        """Move a slider, as a reader does."""
        box = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(
            f"{box}.value = {value}; {box}.dispatchEvent(new Event('input', {{bubbles: true}}))"
        )

    def wait_until(self, condition: str, limit_s: float = 20) -> None:
        """Wait until an expression is true in the page."""
        asked = f"""new Promise((done, fail) => {{
          const until = Date.now() + {limit_s * 1e3};
          const look = () => {condition} ? done() : Date.now() > until
            ? fail(Error({json.dumps(condition)})) : setTimeout(look, 20);
          look();
        }})"""
        self.evaluate(asked)

    def point_at(self, x_px: float, y_px: float) -> None:
        """Move the mouse to a place of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x_px, y=y_px)

    def click_at(self, x_px: float, y_px: float) -> None:
        """Click at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=x_px, y=y_px, button="left", clickCount=1
            )

    def open(self, address: str) -> None:
        """Open an address, and wait until the page is loaded."""
        self.browser.events.clear()
        self.call("Page.navigate", url=address)
        self.browser.wait_for("Page.loadEventFired", self.session)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page; a promise is awaited."""
        result = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key that is named as `KeyboardEvent.key` names it."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r", " ": " "}.get(key)
        event = {
            "key": key,
            "windowsVirtualKeyCode": codes[key],
            **({"text": text} if text else {}),
        }
        self.call("Input.dispatchKeyEvent", type="keyDown", **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def list_complaints(self) -> list[str]:
        """Return what the page logged, and its exceptions, since it was opened."""
        self.evaluate("1")
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        kinds += ("Page.javascriptDialogOpening",)
        return [
            json.dumps(event["params"])
            for event in self.browser.events
            if event["method"] in kinds and event.get("sessionId") == self.session
        ]

    def list_requests(self) -> list[str]:
        """Return the addresses that the page asked for since it was opened, without its own."""
        asked = [
            event["params"]["request"]["url"]
            for event in self.browser.events
            if event["method"] == "Network.requestWillBeSent"
            and event.get("sessionId") == self.session
            and event["params"]["type"] != "Document"
        ]
        return [address for address in asked if not address.startswith("data:")]

    def list_violations(self) -> list[str]:
        """Return what axe-core says against the page: rule, help and the elements."""
        self.evaluate(AXE.read_text(encoding="utf-8") + ";0")
        # The elements that pass are as many as the page has, and nobody reads of them.
        options = "{resultTypes: ['violations']}"
        violations = self.evaluate(f"axe.run(document, {options}).then((it) => it.violations)")
        return [
            f"{rule['id']}: {rule['help']}: "
            + "; ".join(f"{node['html'][:160]} {node['failureSummary']}" for node in rule["nodes"])
            for rule in violations
        ]

    def photograph(self, path: Path, *, whole: bool = True) -> None:
        """Write a PNG of the page, or of its window alone."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(b64decode(shot["data"]))

    def print_pdf(self, path: Path) -> None:
        """Print the page on A4."""
        sheet = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(b64decode(sheet["data"]))


class Browser:
    """A running Chromium."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands = commands
        self._answers = answers
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command, and return its result; what happens meanwhile is kept in `events`."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def wait_for(self, method: str, session: str) -> None:
        """Wait until an event of the page has happened."""
        while not any(
            event["method"] == method and event.get("sessionId") == session for event in self.events
        ):
            self._read()

    def open_tab(self) -> Tab:
        """Open an empty page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, session)

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while not text.endswith(b"\0"):
            letters = self._answers.peek()  # type: ignore[attr-defined]
            assert letters, "the browser ended"
            end = letters.find(b"\0") + 1
            text += self._answers.read(end or len(letters))
        answer: dict[str, Any] = json.loads(text[:-1])
        if "method" in answer:
            self.events.append(answer)
        return answer


@contextmanager
def start_browser(profile: Path) -> Iterator[Browser]:
    """Start a Chromium with a profile of its own, and end it at the end of the block."""
    assert CHROMIUM is not None
    to_browser, commands = os.pipe()
    answers, from_browser = os.pipe()
    # The protocol reads its commands from descriptor 3 and writes to 4.
    shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
    with subprocess.Popen(
        ["bash", "-c", shell, CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(to_browser, from_browser),
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(to_browser)
        os.close(from_browser)
        with os.fdopen(commands, "wb") as writing, os.fdopen(answers, "rb") as reading:
            browser = Browser(writing, reading)
            try:
                yield browser
                browser.call("Browser.close")
            finally:
                process.terminate()
