"""A dossier's page shows what others wrote without obeying it."""

from html.parser import HTMLParser

from w2s_studies.review.page import Code, Items, Page, Section, Table, Text, markdown, to_html

EVIL = '<script>alert(1)</script> [x](javascript:1) | a`b` \x1b[31m "q" &amp;'
FENCES = "````\n```\nx = '<b>'\n"
PAGE = Page(
    EVIL,
    EVIL,
    [
        Section(EVIL, [Text(EVIL), Items([EVIL, EVIL], numbered=True), Table(("a", EVIL), [(EVIL, "1")])]),
        Section("Code", [Code(FENCES, "python"), Code("+a<b\n-c\n d", "diff")]),
    ],
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def test_html_is_balanced_and_holds_no_script_link_or_control_character():
    page = to_html(PAGE)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "a", "img", "b", "iframe"}
    assert "default-src 'none'" in page and "\x1b" not in page
    assert "<script>alert(1)</script>" in tags.words, "shown as it was written"


def test_markdown_escapes_text_and_fences_code_longer_than_its_own():
    text = markdown(PAGE)
    assert "<script>" not in text.split("## Code")[0].replace("\\<", "")
    assert "\n`````python\n" in text and text.count("`````") == 2
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_a_diff_shows_what_was_added_and_removed():
    page = to_html(PAGE)
    assert '<span class="added">+a&lt;b</span>\n<span class="removed">-c</span>\n d' in page
