"""A page as tests read it, without a browser."""

import html.parser


class Parsed(html.parser.HTMLParser):
    """What tests ask of a page: its elements, and the text of each section."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.sections: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self._inside = dict(attrs)["id"]

    def handle_endtag(self, tag):
        if tag == "section":
            self._inside = ""

    def handle_data(self, data):
        self.sections[self._inside] = self.sections.get(self._inside, "") + data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]
