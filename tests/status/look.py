"""Looks at a page with headless Chromium, through its DevTools pipe: no package but Python's own library is needed.

    look.py CHROMIUM PROFILE URL [SCREENSHOTS [BUTTON SERVER]]

For a phone and a desktop, in light and dark: loads the page, looks for anything wider than the window and for whatever the
page could not load or run, and takes a picture where a directory for them is given. Then it opens everything that can be
opened, and looks again. With BUTTON it presses the button of that value in the card of SERVER, as a user would.
Prints JSON: {"views": [{...}], "pressed": {...}}. PROFILE is a directory that the browser may fill.
"""

import base64
import json
import os
import signal
import subprocess
import sys

VIEWS = [("phone", 390, 844, True), ("small", 320, 568, True), ("desktop", 1280, 800, False)]

# What sticks out to the right of the window, unless it can be scrolled within a box of its own.
# A phone shows a page that is too wide at a smaller scale, so `innerWidth` says nothing: the width is the one we gave.
WIDER = """
(() => {
  const inside = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(p).overflowX)) return true; return false; };
  const out = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > %d + 0.5 && !inside(e))
    .map(e => e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 60));
  return {scroll: document.documentElement.scrollWidth, width: innerWidth, wider: out,
          small: [...document.querySelectorAll('button, nav a')].filter(e => e.getBoundingClientRect().height < 24).length,
          title: document.title, headings: [...document.querySelectorAll('h1, h2, h3')].map(e => e.tagName + ' ' + e.innerText),
          background: getComputedStyle(document.body).backgroundColor};
})()
"""

PRESS = """
(() => {
  const card = [...document.querySelectorAll('section')].find(s => s.querySelector('h3').innerText === %s);
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

        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [program, "--headless", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
             "--no-proxy-server", *sandbox],
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
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait()


def look(browser, url, pictures):
    views = []
    for name, width, height, mobile in VIEWS:
        for scheme in ("light", "dark"):
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if mobile else 1,
                         mobile=mobile)
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.load(url)
            view = {"name": name, "scheme": scheme, "given": width, "closed": browser.evaluate(WIDER % width)}
            if pictures:
                browser.picture(os.path.join(pictures, f"{name}-{scheme}.png"))
            browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            view["opened"] = browser.evaluate(WIDER % width)
            if pictures:
                browser.picture(os.path.join(pictures, f"{name}-{scheme}-opened.png"))
            view["complaints"] = browser.complaints()
            views.append(view)
    return views


def press(browser, url, button, server):
    browser.load(url)
    browser.events.clear()
    if not browser.evaluate(PRESS % (json.dumps(server), json.dumps(button))):
        raise SystemExit(f"no button {button} for {server}")
    browser.wait("Page.loadEventFired")
    return {"url": browser.evaluate("location.href"), "text": browser.evaluate("document.body.innerText"),
            "complaints": browser.complaints()}


def main():
    program, profile, url, *rest = sys.argv[1:]
    browser = Browser(program, profile)
    try:
        browser.open()
        found = {"views": look(browser, url, rest[0] if rest else None)}
        if len(rest) > 2:
            found["pressed"] = press(browser, url, rest[1], rest[2])
        print(json.dumps(found))
    finally:
        browser.close()


main()
