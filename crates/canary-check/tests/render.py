"""Graphite's web application over a folder of whisper files, for a test:
render.py FOLDER PORT. Half an hour of counts every ten seconds: `shop.v1`
without errors, `shop.v2` with one of five, and `shop.v3` that tells of errors
only when there are some."""

import os
import sys
import time
import types
from unittest import mock
from wsgiref.simple_server import make_server

folder, port = sys.argv[1], int(sys.argv[2])
# It draws pictures as well, which nobody asks for here.
sys.modules["cairo"] = sys.modules["cairocffi"] = mock.MagicMock()
settings = types.ModuleType("graphite.local_settings")
settings.__dict__.update(
    SECRET_KEY="only-for-a-test",
    GRAPHITE_ROOT=folder,
    STORAGE_DIR=folder,
    CONF_DIR=folder,
    CONTENT_DIR=folder,
    LOG_DIR=folder,
    STANDARD_DIRS=[folder],
    WHISPER_DIR=folder,
    INDEX_FILE=os.path.join(folder, "index"),
    TIME_ZONE="UTC",
    CARBONLINK_HOSTS=[],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(folder, "db"),
        }
    },
    ALLOWED_HOSTS=["*"],
)
import graphite  # noqa: E402
import whisper  # noqa: E402

sys.modules["graphite.local_settings"] = settings
os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"

newest = int(time.time()) // 10 * 10


def fill(name, count):
    path = os.path.join(folder, *name.split(".")) + ".wsp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    whisper.create(path, [(10, 8640)])
    points = [(newest - 10 * back, count(newest // 10 - back)) for back in range(180)]
    whisper.update_many(path, [point for point in points if point[1] is not None])


for slot in ("v1", "v2", "v3"):
    fill(f"shop.{slot}.requests", lambda number: 5)
fill("shop.v1.errors", lambda number: 0)
fill("shop.v2.errors", lambda number: 1)
# Twelve in every second minute, and nothing in the other one.
fill("shop.v3.errors", lambda number: 2 if number // 6 % 2 else None)

from django.core.wsgi import get_wsgi_application  # noqa: E402

make_server("127.0.0.1", port, get_wsgi_application()).serve_forever()
