#!/usr/bin/env python3
"""docs/posthog/install.py against a stand-in for PostHog's API on the loopback: what it writes, when, and to whom."""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.parse

INSTALL = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/posthog/install.py"
KEY = "phx_never_to_be_seen"


class PostHog(http.server.BaseHTTPRequestHandler):
    """Keeps what is created; lists in pages of five, with defaults added, as the server does."""
    kept, writes, redirect, refuse = {}, [], None, None

    def log_message(self, *_):
        pass

    def answer(self, value, status=200, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def kind(self):
        path = urllib.parse.urlsplit(self.path).path.strip("/").split("/")
        assert path[:3] == ["api", "projects", "7"] and self.headers["Authorization"] == "Bearer " + KEY, self.path
        return path[3:]

    def do_GET(self):
        if PostHog.redirect:
            return self.answer({}, 302, [("Location", PostHog.redirect)])
        if PostHog.refuse:
            return self.answer({"detail": "no such key: " + KEY}, 403)
        if self.path == "/api/users/@me/":
            return self.answer({"id": 3})
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        first = int(query.get("offset", 0))
        kept = PostHog.kept.get(self.kind()[0], [])
        more = first + 5 < len(kept)
        # The host of a page is not to be trusted.
        following = "https://elsewhere.example/x?limit=5&offset=%d" % (first + 5) if more else None
        self.answer({"results": kept[first:first + 5], "next": following})

    def written(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        PostHog.writes.append((self.command, self.kind()[0], body["name"]))
        return body

    def do_POST(self):
        body, kept = self.written(), PostHog.kept.setdefault(self.kind()[0], [])
        entry = {**body, "id": len(kept) + 1, "created_by": {"id": 3}}
        if "query" in entry:
            entry["query"] = {**entry["query"], "version": 2}
        kept.append(entry)
        self.answer(entry, 201)

    def do_PATCH(self):
        body, (kind, ident) = self.written(), self.kind()
        entry = next(entry for entry in PostHog.kept[kind] if str(entry["id"]) == ident)
        entry.update(body)
        self.answer(entry)


def run(host, *words, code=0):
    done = subprocess.run([sys.executable, INSTALL, host, "7", *words], env={**os.environ, "POSTHOG_PERSONAL_API_KEY": KEY},
                          capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert KEY not in said, "the key is shown"
    writes, PostHog.writes[:] = list(PostHog.writes), []
    return said, writes


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PostHog)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = "http://127.0.0.1:%d" % server.server_port
    made = json.loads(INSTALL.with_name("dashboards.json").read_text())
    insights = [insight for dashboard in made["dashboards"] for insight in dashboard["insights"]]
    everything = len(made["dashboards"]) + len(insights) + len(made["alerts"])

    said, writes = run(host)
    assert not writes and said.count("create ") == everything and "Nothing was changed" in said, said
    _, writes = run(host, "--apply")
    assert len(writes) == everything and {method for method, _, _ in writes} == {"POST"}, writes
    assert all(entry["subscribed_users"] == [3] for entry in PostHog.kept["alerts"])
    said, writes = run(host, "--apply")
    assert not writes and said.count("unchanged ") == everything, said

    # Somebody changes a query, puts an insight on a board of their own, and silences an alert.
    changed, moved, alert = PostHog.kept["insights"][2], PostHog.kept["insights"][7], PostHog.kept["alerts"][0]
    changed["query"]["source"]["query"], moved["dashboards"], alert["enabled"] = "SELECT 1", [99], False
    said, writes = run(host)
    assert not writes and said.count("update ") == 2, said
    _, writes = run(host, "--apply")
    assert [write[:2] for write in writes] == [("PATCH", "insights")] * 2, writes
    assert "events" in changed["query"]["source"]["query"] and 99 in moved["dashboards"] and len(moved["dashboards"]) == 2, moved
    assert alert["enabled"] is False

    PostHog.refuse = True
    said, _ = run(host, code=1)
    assert "403" in said
    # The key follows no redirect.
    PostHog.redirect = host + "/elsewhere"
    said, _ = run(host, code=1)
    assert "302" in said
    said, _ = run("http://posthog.example", code=2)
    assert "https" in said
    print("ok: %d entries" % everything)


if __name__ == "__main__":
    main()
