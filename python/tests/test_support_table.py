"""The page of what is supported is what the engine says."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_page_is_true():
    spec = importlib.util.spec_from_file_location("table", DOCS / "make_support_table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    assert (DOCS / "support.md").read_text("utf-8") == table.page(), (
        "python/docs/support.md is out of date: run python python/docs/make_support_table.py"
    )
