#!/usr/bin/env python3
"""Installs the dashboards, insights and alerts of this folder in a PostHog project, or brings them up to date.

    POSTHOG_PERSONAL_API_KEY=phx_… python3 docs/posthog/install.py https://us.posthog.com PROJECT [--apply]

Without --apply it only reads, and says what it would do. With --print it asks nobody and prints what it would send.
It finds its own by their names, changes nothing else, and deletes nothing: what you added to a dashboard stays. The key
needs the scopes dashboard:write, insight:write, alert:write and user:read; it comes from the environment alone, goes to
the given host alone, and is never shown. You are the one whom the alerts tell; others subscribe in PostHog. Needs
Python alone. What is installed is in dashboards.json, in the form of PostHog's API; "@name" stands for queries/name.sql.
"""

import argparse
import json
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TAG = "axolotl-run"
PAGES_MAX = 100
SECONDS_MAX = 30
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def definitions():
    """dashboards.json with the texts of the queries in it."""
    made = json.loads((HERE / "dashboards.json").read_text())
    for dashboard in made["dashboards"]:
        for insight in dashboard["insights"]:
            source = insight["query"]["source"]
            if source["kind"] == "HogQLQuery":
                source["query"] = (HERE / "queries" / (source["query"].removeprefix("@") + ".sql")).read_text()
    return made


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to somebody else."""

    def redirect_request(self, *_):
        return None


class Api:
    def __init__(self, host, project, key):
        self.host, self.project, self.key = host.rstrip("/"), project, key
        self.opener = urllib.request.build_opener(NoRedirect)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": "Bearer " + self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(self.host + path, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=SECONDS_MAX) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = error.read(500).decode("utf-8", "replace").replace(self.key, "…")
            sys.exit("error: %s %s: status %d: %s" % (method, path, error.code, told))
        except (urllib.error.URLError, OSError, ValueError) as error:
            sys.exit("error: %s %s: %s" % (method, path, error))

    def path(self, kind, ident=None):
        return "/api/projects/%s/%s/" % (self.project, kind) + ("" if ident is None else "%s/" % ident)

    def by_name(self, kind):
        """All of a kind by name; of two with one name the one with the smaller id."""
        found, query = {}, {"limit": 200}
        for _ in range(PAGES_MAX):
            page = self.ask("GET", self.path(kind) + "?" + urllib.parse.urlencode(query))
            for entry in page["results"]:
                if not entry.get("deleted") and entry["id"] <= found.get(entry.get("name"), entry)["id"]:
                    found[entry.get("name")] = entry
            if not page.get("next"):
                break
            # Only what it says of the page is used, never its host.
            query = urllib.parse.parse_qsl(urllib.parse.urlsplit(page["next"]).query)
        return found


def within(ours, theirs):
    """Whether theirs says what ours says; the server adds defaults of its own."""
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(within(value, theirs.get(name)) for name, value in ours.items())
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(within, ours, theirs))
    return ours == theirs


def settle(api, kind, body, existing, differs, apply):
    """Creates or updates one entry where that is needed, and returns its id."""
    if existing and not differs:
        print("unchanged  %-10s %s" % (kind, body["name"]))
        return existing["id"]
    print("%-10s %-10s %s" % ("update" if existing else "create", kind, body["name"]))
    if not apply:
        return existing and existing["id"]
    if existing:
        return api.ask("PATCH", api.path(kind, existing["id"]), body)["id"]
    return api.ask("POST", api.path(kind), body)["id"]


def install(api, made, apply):
    dashboards, insights, alerts = (api.by_name(kind) for kind in ("dashboards", "insights", "alerts"))
    ids = {}
    for dashboard in made["dashboards"]:
        body = {"name": dashboard["name"], "description": dashboard["description"]}
        existing = dashboards.get(body["name"])
        # Tags are a paid feature: sent, because they help to find things, but not required.
        place = settle(api, "dashboards", {**body, "tags": [TAG]}, existing, not within(body, existing), apply)
        for insight in dashboard["insights"]:
            existing = insights.get(insight["name"])
            shown_on = (existing or {}).get("dashboards") or []
            differs = not within(insight, existing) or place not in shown_on
            # It stays on the dashboards that people put it on.
            body = {**insight, "saved": True, "tags": [TAG], "dashboards": sorted({*shown_on, *([place] if place else [])})}
            ids[insight["name"]] = settle(api, "insights", body, existing, differs, apply)
    for alert in made["alerts"]:
        existing = alerts.get(alert["name"])
        ours = {name: value for name, value in alert.items() if name not in ("insight", "enabled")}
        body = {**ours, "insight": ids[alert["insight"]]}
        if not existing:
            # Who is told, and whether at all, is yours to change afterwards.
            body.update(enabled=alert["enabled"], subscribed_users=[api.ask("GET", "/api/users/@me/")["id"]])
        settle(api, "alerts", body, existing, not within(ours, existing), apply)
    if not apply:
        print("Nothing was changed. Add --apply to do it.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("host", nargs="?", help="the address of PostHog's pages, such as https://us.posthog.com")
    parser.add_argument("project", nargs="?", type=int, help="the project's number, as its pages' addresses say it")
    parser.add_argument("--apply", action="store_true", help="do it")
    parser.add_argument("--print", action="store_true", help="print what would be sent, and ask nobody")
    options = parser.parse_args()
    if options.print:
        print(json.dumps(definitions(), indent=2))
        return
    if options.host is None or options.project is None:
        parser.error("a host and a project are needed")
    address = urllib.parse.urlsplit(options.host)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in LOOPBACK):
        parser.error("the host must begin with https://")
    key = os.environ.get("POSTHOG_PERSONAL_API_KEY", "").strip()
    if not key:
        parser.error("POSTHOG_PERSONAL_API_KEY is not set: make a personal API key in PostHog's settings")
    install(Api(options.host, options.project, key), definitions(), options.apply)


if __name__ == "__main__":
    main()
