"""Looks at the status page with headless Chromium, through its DevTools pipe: Python's own library is enough.

    look.py CHROMIUM PROFILE URL PICTURES BUTTON SERVER

For phones and a desktop, in light and dark: loads the page, looks for anything wider than the window and for whatever the
browser complains of, then opens all that can be opened and looks again. Puts pictures into the directory PICTURES unless that
is empty. Then presses the button of value BUTTON in the card of SERVER, as a user would. PROFILE is a directory that the
browser may fill. Ends with status 1 and a line for each fault.
"""

import base64
import json
import os
import subprocess
import sys

VIEWS = [("phone", 390, 844, True), ("small", 320, 568, True), ("desktop", 1280, 800, False)]

# What sticks out to the right of the window, unless it can be scrolled within a box of its own. A phone shows a page that is
# too wide at a smaller scale, so `innerWidth` says nothing: the width is the one we gave.
SEE = """
(() => {
  const inside = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(p).overflowX)) return true; return false; };
  const name = (e) => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 60);
  const all = [...document.querySelectorAll('body *')];
  return {scroll: document.documentElement.scrollWidth,
          wider: all.filter(e => e.getBoundingClientRect().right > %d + 0.5 && !inside(e)).map(name),
          small: all.filter(e => e.matches('button, nav a, summary') && e.getBoundingClientRect().height < 24).map(name),
          cards: document.querySelectorAll('section').length,
          background: getComputedStyle(document.body).backgroundColor};
})()
"""

CARD = """
[...document.querySelectorAll('section')].filter(s => s.querySelector('h3')?.innerText === %s).map(s => s.innerText)[0] ?? '\\n'
"""

PRESS = """
(() => {
  const card = [...document.querySelectorAll('section')].find(s => s.querySelector('h3')?.innerText === %s);
  const button = card && card.querySelector('button[value=' + %s + ']');
  if (button) button.click();
  return !!button;
})()
"""


class Browser:
    """A Chromium and the two pipes to it: JSON messages, each ended by a NUL."""

    def __init__(self, program, profile):
        their_in, self.to = os.pipe()
        self.back, their_out = os.pipe()

        def child():
            # High numbers first: either may be in the way of the other's place.
            ends = [os.dup(fd) for fd in (their_in, their_out)]
            high = [os.dup2(fd, 100 + n) for n, fd in enumerate(ends)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
             "--disable-breakpad", "--no-proxy-server", "--no-sandbox"],  # nothing is shown but our own page
            preexec_fn=child, close_fds=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)
        self.number = 0
        self.session = None
        self.rest = b""
        self.events = []

    def read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.back, 65536)
            if not piece:
                raise SystemExit("the browser has ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while True:
            for at, event in enumerate(self.events):
                if event.get("method") == method:
                    return self.events.pop(at)["params"]
            self.events.append(self.read())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"in the page: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def load(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def complaints(self):
        """What the console says: refused styles, failed loads, policy violations."""
        found = []
        for event in self.events:
            if event.get("method") == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
            elif event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]))
        return found

    def picture(self, path):
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def close(self):
        """Ends it and all of its processes, which the pipe shows: the program may be a script around the browser."""
        self.session = None
        self.call("Browser.close")
        while os.read(self.back, 65536):
            pass
        self.process.wait()


def look(browser, url, pictures, faults):
    backgrounds = {}
    for name, width, height, mobile in VIEWS:
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if mobile else 1,
                     mobile=mobile)
        for scheme in ("light", "dark"):
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.load(url)
            for opened in (False, True):
                where = f"{name}, {scheme}{', opened' if opened else ''}"
                if opened:
                    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                seen = browser.evaluate(SEE % width)
                if seen["scroll"] > width or seen["wider"]:
                    faults.append(f"{where}: {seen['scroll']} of {width} pixels wide: {seen['wider']}")
                if seen["small"]:
                    faults.append(f"{where}: too small to be touched: {seen['small']}")
                if not seen["cards"]:
                    faults.append(f"{where}: no cards")
                if pictures:
                    browser.picture(os.path.join(pictures, where.replace(", ", "-") + ".png"))
            backgrounds[scheme] = seen["background"]
            faults.extend(f"{name}, {scheme}: {text}" for text in browser.complaints())
    if backgrounds["light"] == backgrounds["dark"]:
        faults.append(f"dark is as light as light: {backgrounds}")


def press(browser, url, button, server, faults):
    browser.load(url)
    before = browser.evaluate(CARD % json.dumps(server))
    browser.events.clear()
    if not browser.evaluate(PRESS % (json.dumps(server), json.dumps(button))):
        faults.append(f"no button {button} for {server} in {before}")
        return
    browser.wait("Page.loadEventFired")
    after = browser.evaluate(CARD % json.dumps(server))
    place = browser.evaluate("location.href")
    if place != url:
        faults.append(f"the button leads to {place}")
    if "up" not in before.split("\n")[1] or "draining" not in after.split("\n")[1]:
        faults.append(f"the card said {before!r}, then {after!r}")
    faults.extend(f"after the button: {text}" for text in browser.complaints())


def main():
    program, profile, url, pictures, button, server = sys.argv[1:]
    faults = []
    browser = Browser(program, profile)
    try:
        browser.open()
        look(browser, url, pictures, faults)
        press(browser, url, button, server, faults)
    finally:
        browser.close()
    if faults:
        sys.exit("\n".join(faults))
    print(f"{2 * len(VIEWS)} views, 1 button pressed")


main()
