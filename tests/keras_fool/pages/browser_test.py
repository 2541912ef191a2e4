"""The page in a real Chromium: one start for all tests."""

import os

import pytest

from keras_fool.pages import audit_page
from tests.keras_fool.pages import browser, samples

# Where a browser must be there, as in .ci/run, tests fail without one.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        browser.DRIVER is None and os.environ.get("KERAS_FOOL_BROWSER") != "required",
        reason="needs Chromium and its driver: apt-get install chromium chromium-driver",
    ),
]
HOSTILE = [
    "<script>window.hostile = 1</script>",
    '"><img src=x onerror="window.hostile = 1">',
    "</title></style></svg><h1>hostile</h1>",
    "\u202egnp.exe\u2066\u200f",
    "W" * 256,
    "one two " * 32,
    "قطة صغيرة",
    "Z\u0335\u0336\u0337" * 40,
    "{{ 7 * 7 }} {% raw %} &lt;b&gt; <!--sprites-->",
    "javascript:alert(1)\n\n' onclick='window.hostile = 1",
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.started(tmp_path_factory.mktemp("profile")) as found:
        found.screen(1280)
        found.requests()  # those of the start
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ten")
    report = samples.audit(folder, [f"digit {digit}" for digit in range(10)])
    path = folder / "audit.html"
    path.write_text(audit_page.html(report, folder), "utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    report = samples.audit(folder, HOSTILE)
    name = "<script>window.hostile = 1</script>" + "N" * 300
    report["model"]["name"] = report["data"]["name"] = name
    report["verdict"]["sentence"] = report["made"]["command"] = f"{name} {HOSTILE[1]}"
    report["model"]["facts"][0]["<b onclick=x>"] = f"{HOSTILE[2]} {'M' * 500}"
    report["model"]["why_not"]["weights"] = HOSTILE[0]
    report["detectors"][0]["title"] = HOSTILE[1]
    report["by_what"]["transfer"][0]["title"] = HOSTILE[4]
    path = folder / "audit.html"
    path.write_text(audit_page.html(report, folder), "utf-8")
    return path


def opened(chromium, path, width=1280, **how):
    chromium.screen(width, **how)
    chromium.open(path)
    return chromium


def test_nothing_is_asked_for_and_nothing_goes_wrong(chromium, page):
    opened(chromium, page)

    assert chromium.requests() == [page.resolve().as_uri()]
    assert chromium.messages() == []


def test_the_policy_refuses_what_is_not_of_the_page(chromium, page):
    opened(chromium, page)

    chromium.run(
        "const script = document.createElement('script'); script.textContent = 'window.added = 1';"
        "document.body.append(script);"
        "const image = document.createElement('img'); image.src = 'http://127.0.0.1:9/x.png';"
        "document.body.append(image);"
    )

    assert chromium.run("return window.added") is None
    refused = [line for line in chromium.messages() if "Content Security Policy" in line]
    assert len(refused) == 2, refused


@pytest.mark.parametrize("kind", ["page", "hostile"])
def test_it_fits_and_can_be_read(chromium, request, kind):
    path = request.getfixturevalue(kind)
    opened(chromium, path)
    for width, dark in ((360, False), (360, True), (1280, True), (1280, False)):
        chromium.screen(width, dark=dark)
        found = chromium.run(CHECKS)

        assert found["width"] <= width
        assert found["contrasts"] == [], (width, dark)


def test_everything_is_there_for_those_who_do_not_see_it(chromium, page):
    opened(chromium, page)
    found = chromium.run(CHECKS)

    assert found["sections"] == [name for name, _ in audit_page.SECTIONS]
    assert all(found["headings"])
    assert found["unnamed"] == []
    assert found["misaligned"] == []
    assert found["pictures"] > 90
    names = chromium.devtools("Accessibility.getFullAXTree")["nodes"]
    images = [one for one in names if one.get("role", {}).get("value") in ("image", "img")]
    assert len(images) > 90
    assert all(one["name"]["value"] for one in images)


def test_pictures_are_drawn(chromium, page):
    opened(chromium, page)

    undrawn = chromium.run(
        "return Promise.all([...document.querySelectorAll('symbol image')].map(async (shown) => {"
        "  const image = new Image(); image.src = shown.href.baseVal; await image.decode();"
        "  return image.naturalWidth; })).then((widths) => widths.filter((width) => width !== 28))"
    )

    assert undrawn == []


def test_the_gallery_is_sorted_and_filtered(chromium, page):
    opened(chromium, page)
    cards = (
        "return [...document.querySelectorAll('#cards > li:not([hidden])')].map("
        "(card) => [Number(card.dataset.c), Number(card.dataset.n), card.dataset.a])"
    )
    every = chromium.run(cards)
    assert len(every) == 90
    assert every == sorted(every, key=lambda card: (-card[0], card[1]))

    choose = (
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('change'))"
    )
    chromium.run(choose, "order", "label")
    assert chromium.run(cards) == sorted(every, key=lambda card: (card[1], -card[0]))
    chromium.run(choose, "order", "least")
    assert chromium.run(cards) == sorted(every, key=lambda card: (card[0], -card[1]))

    chromium.run(choose, "attack", "pixels")
    assert {card[2] for card in chromium.run(cards)} == {"pixels"}
    assert len(chromium.run(cards)) == 30
    chromium.type("#text", "DIGIT 3")
    chromium.run(NEXT_FRAME)
    of_three = chromium.run(cards)
    assert all("3" in str(card[1]) or card[1] == 2 for card in of_three)  # 3 is next after 2
    assert len(of_three) == 6
    assert "6 of 90" in chromium.run("return document.getElementById('shown').textContent")
    chromium.type("#text", " nothing like it")
    chromium.run(NEXT_FRAME)
    assert chromium.run(cards) == []


@pytest.mark.slow
def test_the_gallery_of_a_thousand_labels_is_sorted_and_filtered(chromium, tmp_path):
    report = samples.audit(tmp_path, [f"thing {number}" for number in range(1000)], (32, 32, 3))
    path = tmp_path / "audit.html"
    path.write_text(audit_page.html(report, tmp_path), "utf-8")
    cards = (
        "return [...document.querySelectorAll('#cards > li:not([hidden])')].map("
        "(card) => [Number(card.dataset.c), Number(card.dataset.n)])"
    )
    for width in (360, 1280):
        opened(chromium, path, width)
        assert chromium.run("return document.documentElement.scrollWidth") <= width
        assert chromium.messages() == []
        every = chromium.run(cards)
        assert len(every) == 3000
        assert every == sorted(every, key=lambda card: (-card[0], card[1]))

        chromium.run(
            "const order = document.getElementById('order'); order.value = 'label';"
            "order.dispatchEvent(new Event('change'))"
        )
        assert chromium.run(cards) == sorted(every, key=lambda card: (card[1], -card[0]))
        chromium.type("#text", "THING 77 ")
        chromium.run(NEXT_FRAME)
        assert {card[1] for card in chromium.run(cards)} <= {76, 77, *range(769, 780)}
        assert "of 3,000" in chromium.run("return document.getElementById('shown').textContent")


def test_tables_are_sorted_by_keyboard(chromium, page):
    opened(chromium, page)
    chromium.run(
        "window.table = document.querySelectorAll('#detectors table.sortable')[0];"
        "table.tHead.rows[0].cells[2].querySelector('button').focus()"
    )
    column = "return [...table.tBodies[0].rows].map((row) => Number(row.cells[2].dataset.v))"
    before = chromium.run(column)

    chromium.press("\ue007")  # Enter
    assert chromium.run(column) == sorted(before)
    chromium.press("\ue007")
    assert chromium.run(column) == sorted(before, reverse=True)
    heads = "return [...table.tHead.rows[0].cells].map((head) => head.getAttribute('aria-sort'))"
    assert chromium.run(heads) == [None, None, "descending", None, None, None]


def test_missing_numbers_are_sorted_last(chromium, page):
    opened(chromium, page)
    chromium.run(
        "window.table = document.querySelectorAll('#detectors table.sortable')[0];"
        "window.button = table.tHead.rows[0].cells[4].querySelector('button'); button.click()"
    )
    last = "return table.tBodies[0].rows[table.tBodies[0].rows.length - 1].cells[4].dataset.v"

    assert chromium.run(last) == ""
    chromium.run("button.click()")
    assert chromium.run(last) == ""


def test_names_of_strangers_are_text(chromium, hostile):
    opened(chromium, hostile)

    assert chromium.run("return window.hostile") is None
    assert chromium.messages() == []
    assert chromium.requests()[-1:] == [hostile.resolve().as_uri()]
    counts = "return arguments[0].map((tag) => document.getElementsByTagName(tag).length)"
    assert chromium.run(counts, ["script", "style", "img", "h1", "iframe", "b"]) == [
        1,
        1,
        0,
        1,
        0,
        90,
    ]
    assert chromium.run("return document.querySelectorAll('[onclick], [onerror]').length") == 0
    labels = chromium.run(
        "return [...document.querySelectorAll('.labels bdi')].map((name) => name.textContent)"
    )
    assert labels[:3] == HOSTILE[:3]
    assert labels[3] == "\\u202egnp.exe\\u2066\\u200f"
    assert labels[6] == HOSTILE[6]
    assert "<!--sprites-->" in labels[8]


def test_it_works_without_its_program(chromium, page):
    chromium.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(chromium, page)
        shown = chromium.devtools("Accessibility.getFullAXTree")["nodes"]
    finally:
        chromium.devtools("Emulation.setScriptExecutionDisabled", value=False)

    images = [one for one in shown if one.get("role", {}).get("value") in ("image", "img")]
    assert len(images) > 90
    roles = {one.get("role", {}).get("value") for one in shown}
    assert not roles & {"combobox", "searchbox"}, "what cannot work is not there"


def test_it_prints_with_every_detector_opened(chromium, page):
    opened(chromium, page)
    closed = "return document.querySelectorAll('details:not([open], .data)').length"
    before = chromium.run(closed)
    assert before >= len(samples.DETECTORS)

    chromium.run(
        "addEventListener('beforeprint', () => {"
        "window.during = document.querySelectorAll('details:not([open], .data)').length})"
    )
    printed = chromium.devtools("Page.printToPDF")["data"]
    after = chromium.run(closed)
    chromium.devtools("Emulation.setEmulatedMedia", media="print")
    on_paper = chromium.run(CHECKS)
    chromium.devtools("Emulation.setEmulatedMedia", media="")

    assert printed.startswith("JVBERi")  # %PDF-
    assert chromium.run("return window.during") == 0
    assert on_paper["misaligned"] == []
    assert on_paper["contrasts"] == []
    assert after == before


NEXT_FRAME = (
    "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
)
# What is asked of every page: contrasts as WCAG 2 computes them, of all texts that show
# (the other detectors look like the first one).
CHECKS = """
const channels = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([red, green, blue]) => [red, green, blue].map((byte) => byte / 255).map(
  (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
).reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const colour = channels(getComputedStyle(element).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const contrasts = new Set();
document.querySelector("#detectors details").open = true;
for (const element of document.querySelectorAll("body *")) {
  const texts = [...element.childNodes].filter((node) => node.nodeType === 3);
  if (!texts.some((node) => node.data.trim()) || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const colour = channels(element instanceof SVGElement ? style.fill : style.color);
  const [one, other] = [luminance(colour), luminance(behind(element))].sort((a, b) => b - a);
  if ((one + 0.05) / (other + 0.05) < 4.5) contrasts.add(`${element.className} ${style.color}`);
}
const label = (element) => element.getAttribute("aria-label") || element.getAttribute("alt");
const pictures = [...document.querySelectorAll("img, svg[role=img], [role=img]")];
const fields = [...document.querySelectorAll("input, select, button")];
return {
  width: document.documentElement.scrollWidth,
  contrasts: [...contrasts],
  sections: [...document.querySelectorAll("main > section")].map((section) => section.id),
  headings: [...document.querySelectorAll("h1, h2, h3")].map((heading) => heading.textContent),
  pictures: pictures.length,
  misaligned: [...document.querySelectorAll("table")].filter((table) => {
    const cells = [...table.tBodies[0].rows[0].cells];
    return [...table.tHead.rows[0].cells].some((head, place) => Math.abs(
      head.getBoundingClientRect().left - cells[place].getBoundingClientRect().left) > 0.5);
  }).map((table) => table.getAttribute("aria-label")),
  unnamed: [
    ...pictures.filter((picture) => !label(picture)),
    ...[...document.querySelectorAll("svg:not([role=img])")].filter(
      (drawn) => !drawn.closest("[aria-hidden=true], [role=img]")),
    ...fields.filter((field) => !field.labels?.length && !field.textContent.trim()),
  ].map((element) => element.outerHTML.slice(0, 200)),
};
"""
