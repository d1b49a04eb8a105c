"""What a person sees of a letter."""

from html.parser import HTMLParser


class Words(HTMLParser):
    """What a person reads of an HTML page, which tags stand around it, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.links: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append((dict(attrs)["href"], dict(attrs)["class"], ""))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["a"]:
            href, look, label = self.links[-1]
            self.links[-1] = (href, look, label + data.strip())
        if self.tags and self.tags[-1] != "style":
            self.text += data
