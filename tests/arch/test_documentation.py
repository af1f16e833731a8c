"""What the pages name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def named_paths(text):
    """The paths of this repository that a page names in backticks."""
    return re.findall(r"`((?:kernel|tests|docs|examples|tools|bench|packaging|cmake)/[\w./-]*)`", text)


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
def test_a_page_names_only_files_that_exist(page):
    assert [path for path in named_paths((ROOT / page).read_text()) if not (ROOT / path).exists()] == []


def test_a_page_that_names_a_missing_file_is_found():
    assert named_paths("see `kernel/attic/old.hpp`, not `std::vector`") == ["kernel/attic/old.hpp"]


def test_links_between_pages_lead_somewhere():
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^):#]+)[^)]*\)", page.read_text())]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
