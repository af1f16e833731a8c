"""Fixtures of several modules here."""

import pytest

from askrtest.plugins import with_plugins


@pytest.fixture
def serve(server):
    """A server with plugins of tests/plugins: serve("throws", flags=[...]). Modules with another need have their own."""

    def make(*names, files=None, flags=(), **options):
        hello = {"index.php": "<?php echo 'hello';", "a.txt": "a file\n" * 400}
        return server({**hello, **(files or {})}, flags=[*with_plugins(*names), *flags], **options)

    return make
