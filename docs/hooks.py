"""MkDocs hooks: links from pages to files of the repository, Sphinx roles in docstrings."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

_API = Path(__file__).parent / "api"
_ROLE = re.compile(r":(?:func|meth|class|attr|data|mod):<code>~?\.?([\w.]+)</code>")
_OUTSIDE = re.compile(r"\]\((?:\.\./)+((?:CHANGELOG\.md|CONTRIBUTING\.md|sam2_model/)[\w./-]*)\)")


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Point links to files outside ``docs/`` to the repository's web pages."""
    return _OUTSIDE.sub(rf"]({config['repo_url']}/blob/main/\1)", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Replace Sphinx roles by the last part of the name, with a link if the name is public."""
    return _ROLE.sub(lambda match: _reference(match[1].rpartition(".")[2]), html)


def _reference(name: str) -> str:
    if identifier := _public_names().get(name):
        return f'<autoref identifier="{identifier}"><code>{name}</code></autoref>'
    return f"<code>{name}</code>"


@cache
def _public_names() -> dict[str, str]:
    """Return the full names that the API pages document, by their last part."""
    text = "\n".join(page.read_text("utf-8") for page in _API.glob("*.md"))
    return {full.rpartition(".")[2]: full for full in re.findall(r"^::: ([\w.]+)$", text, re.M)}
