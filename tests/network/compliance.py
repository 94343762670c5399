#!/usr/bin/env python3
"""The adapter for PostHog's compliance harness for SDKs, and a run of it: 30 tests of how events are delivered.

    git clone https://github.com/PostHog/posthog-sdk-test-harness HARNESS
    VENV/bin/pip install flask aiohttp click pyyaml
    VENV/bin/python tests/network/compliance.py HARNESS

The harness is a server that answers as told, and tests that ask an adapter to capture and flush events. The adapter passes
them to the uploader of the program (`src/delivery/tests/compliance.rs`, built by cargo), which sends them as it sends
those of a run. `max_retries` of the harness is one less than AXOLOTL_RUN_SEND_TRIES. Without HARNESS it only serves.
"""

import argparse
import datetime
import http.server
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROLE = "delivery::tests::compliance::role_uploader"
# How long a flush waits for what is sent; the harness looks at the rest after waits of its own.
FLUSH_SECONDS = 2


def built():
    """The program of the unit tests, which has the role."""
    words = ["cargo", "test", "--lib", "--no-run", "--message-format=json", "--manifest-path", str(ROOT / "Cargo.toml"), "-p", "axolotl-run"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return next(message["executable"] for message in reversed(messages) if message.get("executable"))


def uuid7():
    bits = int(time.time() * 1000) << 80 | random.getrandbits(80)
    text = "%032x" % (bits & ~(0xF << 76 | 0x3 << 62) | 7 << 76 | 2 << 62)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def timestamp(text):
    """The time as the program writes times: UTC, milliseconds, Z."""
    time_of_event = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else datetime.datetime.now(datetime.timezone.utc)
    time_of_event = time_of_event.astimezone(datetime.timezone.utc)
    return time_of_event.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (time_of_event.microsecond // 1000)


class Sdk:
    """The uploader, and what it has said."""

    def __init__(self, program):
        self.program, self.role = program, None
        self.lock = threading.Condition()
        self.reset()

    def reset(self):
        if self.role:
            self.role.kill()
            self.role.wait()
        with self.lock:
            self.role, self.captured, self.sent, self.requests, self.flushed, self.asked = None, 0, 0, [], 0, 0

    def init(self, settings):
        self.reset()
        words = [self.program, "--ignored", "--exact", ROLE, "--nocapture", "--test-threads=1"]
        self.role = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self.listen, args=(self.role,), daemon=True).start()
        tries = settings["max_retries"] + 1 if settings.get("max_retries") is not None else None
        self.say({"host": settings["host"], "key": settings["api_key"], "tries": tries})

    def say(self, request):
        self.role.stdin.write(json.dumps(request) + "\n")
        self.role.stdin.flush()

    def listen(self, role):
        for line in role.stdout:
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            with self.lock:
                if role is not self.role:
                    return
                if "waiting" in said:
                    self.flushed += 1
                else:
                    self.requests.append({"timestamp_ms": int(time.time() * 1000), "status_code": said["status"] or 0, "retry_attempt": 0,
                                          "event_count": len(said["uuids"]), "uuid_list": said["uuids"]})
                    self.sent += len(said["uuids"]) if said["status"] == 200 else 0
                self.lock.notify_all()

    def capture(self, asked):
        event = {"uuid": uuid7(), "event": asked["event"], "distinct_id": str(asked["distinct_id"]), "timestamp": timestamp(asked.get("timestamp")),
                 "properties": {"$lib": "axolotl-run", "$lib_version": "0.1.0", "$process_person_profile": False, "$geoip_disable": True,
                                "$ip": "0.0.0.0", **(asked.get("properties") or {})}}
        self.captured += 1
        self.say({"event": event})
        return event["uuid"]

    def flush(self):
        self.asked += 1
        self.say({"flush": True})
        with self.lock:
            self.lock.wait_for(lambda: self.flushed >= self.asked, FLUSH_SECONDS)
        return self.sent

    def state(self):
        with self.lock:
            return {"pending_events": self.captured - self.sent, "total_events_captured": self.captured, "total_events_sent": self.sent,
                    "total_retries": max(0, len(self.requests) - 1), "last_error": None, "requests_made": self.requests}


def handler(sdk):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, answer):
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path.startswith("/health"):
                return self.answer({"sdk_name": "axolotl-run", "sdk_version": "0.1.0", "adapter_version": "1.0.0",
                                    "capabilities": ["capture_v0", "encoding_gzip"]})
            self.answer(sdk.state())

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            path = self.path.split("?")[0]
            if path == "/init":
                sdk.init(asked)
            elif path == "/capture":
                return self.answer({"success": True, "uuid": sdk.capture(asked)})
            elif path == "/flush":
                return self.answer({"success": True, "events_flushed": sdk.flush()})
            elif path == "/reset":
                sdk.reset()
            self.answer({"success": True})

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("harness", nargs="?", help="a clone of PostHog/posthog-sdk-test-harness")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    sdk = Sdk(built())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler(sdk))
    if not options.harness:
        server.serve_forever()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(options.harness) / "src")}
    words = ["-m", "posthog_test_harness.cli", "run", "--adapter-url", "http://127.0.0.1:%d" % options.port, "--sdk-type", "server", "--suite", "capture"]
    done = subprocess.run([sys.executable, *words], cwd=options.harness, env=environment)
    sdk.reset()
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
