"""Which functions PHP has here: those that php-fpm has, and each difference with its reason."""

import json

import pytest

from askrtest.fpm import PROGRAM, Fpm

LIST = "<?php echo json_encode(array_combine($names = get_loaded_extensions(), array_map('get_extension_funcs', $names)));"

OURS = {
    "askr",   # of Askr
    "pcntl",  # signals for queue workers
}
# The pool of php-fpm has a name of its own among the extensions, and a status that is not ours.
OF_THE_POOL = "cgi-fcgi"


def functions(text):
    return {extension: set(names or []) for extension, names in json.loads(text).items()}


@pytest.fixture(scope="module")
def here(module_server):
    app = module_server({"list.php": LIST, "run.php": "<?php eval($_GET['code']);"}, workers=1)
    app.functions = functions(app.get("/list.php").text)
    return app


@pytest.mark.skipif(PROGRAM is None, reason="php-fpm is not installed")
def test_each_extension_has_the_functions_that_it_has_in_php_fpm(here, tmp_path):
    (tmp_path / "list.php").write_text(LIST)
    tmp_path.chmod(0o755)
    with Fpm(tmp_path, tmp_path) as fpm:
        there = functions(fpm.get("/list.php"))
    shared = (there.keys() & here.functions.keys()) - OURS
    assert shared > {"standard", "session", "Core", "posix"}
    for extension in shared:
        assert here.functions[extension] == there[extension], extension
    missing = there[OF_THE_POOL] - set().union(*here.functions.values())
    assert missing == {"fpm_get_status"}


def test_nothing_is_there_for_the_command_line_only(here):
    everything = set().union(*here.functions.values())
    assert not everything & {"chroot", "dl", "cli_set_process_title", "cli_get_process_title"}
    assert {"getallheaders", "apache_request_headers", "fastcgi_finish_request"} <= everything


def test_chroot_is_no_function(here):
    response = here.get("/run.php?code=chroot('/');")
    assert response.status == 500
    here.wait_log(r"Call to undefined function chroot\(\)")
