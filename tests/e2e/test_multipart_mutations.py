"""Forms with files, damaged at random: PHP's own parser gets them as they are, and nothing but the request may suffer."""

import os
import random
import time

from askrtest.http import Client
from askrtest.wait import wait_until

BOUNDARY = b"----askr0123456789"
PAGE = """<?php
foreach ($_FILES as $file) foreach ((array) $file['tmp_name'] as $name) {
    if ($name !== '' && !is_uploaded_file($name)) { http_response_code(500); exit('not an upload'); }
}
echo json_encode([array_map('gettype', $_POST), array_map(fn ($f) => $f['error'], $_FILES)]);
"""


def form():
    parts = [
        b'Content-Disposition: form-data; name="title"\r\n\r\nA title',
        b'Content-Disposition: form-data; name="list[]"\r\n\r\none',
        b'Content-Disposition: form-data; name="list[key]"\r\n\r\ntwo',
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n' + b"x" * 3000,
        b'Content-Disposition: form-data; name="files[]"; filename="b.bin"\r\n\r\n' + bytes(range(256)) * 8,
    ]
    return b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + BOUNDARY + b"--\r\n"


def damage(body, choice):
    body = bytearray(body)
    for _ in range(choice.choice((1, 1, 2, 5, 20))):
        at = choice.randrange(len(body))
        match choice.randrange(6):
            case 0:
                body[at] = choice.randrange(256)
            case 1:
                del body[at:at + choice.choice((1, 10, 500))]
            case 2:
                body[at:at] = body[at:at + choice.choice((1, 30, 3000))]
            case 3:
                body[at:at] = choice.choice((b"\r\n", b"\0", b'"', b"--" + BOUNDARY, b"; name=\"x", b"[", b"Content-Length: -1\r\n"))
            case 4:
                del body[at:]
            case 5:
                body[at:at] = bytes(choice.randrange(256) for _ in range(40))
        if not body:
            break
    return bytes(body)


def content_type(choice):
    plain = "multipart/form-data; boundary=" + BOUNDARY.decode()
    return choice.choice((plain,) * 6 + (f'multipart/form-data; boundary="{BOUNDARY.decode()}"', "multipart/form-data",
                         "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 5000, plain + "x"))


def test_damaged_forms_cost_nothing_but_their_request(server, tmp_path):
    (tmp_path / "tmp").mkdir()
    app = server({"index.php": PAGE}, workers=2, env={"TMPDIR": str(tmp_path / "tmp")})
    choice = random.Random(11)
    whole = form()
    assert app.post("/", whole, {"Content-Type": "multipart/form-data; boundary=" + BOUNDARY.decode()}).json() == [
        {"title": "string", "list": "array"}, {"file": 0, "files": [0]}]
    end = time.monotonic() + (60 if os.environ.get("ASKR_SOAK") else 3)
    sent = 0
    with Client(app.address) as client:
        while time.monotonic() < end:
            response = client.request("POST", "/", {"Content-Type": content_type(choice)}, damage(whole, choice))
            assert response.status == 200, (sent, response.status, response.body[:200])
            sent += 1
    assert sent > 200
    log = app.error_log()
    assert "killed by signal" not in log and "exited with code" not in log
    (uploads,) = (tmp_path / "tmp").iterdir()
    wait_until(lambda: not [path for path in uploads.rglob("*") if path.is_file()], "no upload is left")
    app.assert_nothing_is_held()
