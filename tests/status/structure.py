"""Reads a page from standard input and checks its structure: what is opened is closed, in order; headings do not skip a
level; tables have captions and their headers a scope; forms say what they are about. Prints "ok"."""

import sys
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "rect", "br"}
# Ends that HTML lets out, and what ends the element in their place.
IMPLIED = {"tr": {"tr"}, "th": {"th", "td", "tr"}, "td": {"th", "td", "tr"}, "p": set(), "html": set()}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.headings, self.seen, self.text = [], [], [], {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag != "script" and not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        while self.open and tag in IMPLIED.get(self.open[-1], ()):
            self.open.pop()
        if tag[0] == "h" and tag[1:].isdigit():
            level = int(tag[1:])
            assert level <= (self.headings[-1] if self.headings else 0) + 1, f"{tag} after h{self.headings[-1:]}"
            self.headings.append(level)
        if tag == "th":
            assert attributes.get("scope") in ("row", "col"), attributes
        if tag in ("button", "input"):
            assert "form" in self.open and attributes.get("name"), (tag, attributes)
        if tag == "form":
            assert attributes.get("aria-label") and attributes.get("method") == "post", attributes
        if tag == "caption":
            assert self.open[-1] == "table"
        if tag in ("dt", "dd"):
            assert self.open[-2:] == ["dl", "div"], self.open
        self.seen.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in ("tr", "th", "td"):
            self.open.pop()
        if tag in VOID:
            return
        assert self.open and self.open[-1] == tag, f"</{tag}> within {self.open}"
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data.strip()


page = Page()
page.feed(sys.stdin.buffer.read().decode())
page.close()
tags = [tag for tag, _ in page.seen]
assert page.open == ["html"], page.open
assert ("html", {"lang": "en"}) in page.seen and page.text["title"] and page.headings.count(1) == 1
assert tags.count("table") == tags.count("caption") and tags.count("main") == 1
assert any(tag == "meta" and a.get("name") == "viewport" and "width=device-width" in a["content"] for tag, a in page.seen)
print("ok")
