"""Draws answers of the queries as SVG, for docs/events.md: what a dashboard shows of a made-up fleet."""

WIDTH, ROW, LEFT, RIGHT = 760, 26, 250, 70
COLOURS = {"success": "#2a9d5c", "error": "#c8453b", "stopped": "#d99a2b", "no_end_seen": "#9aa0a6", "percent": "#c8453b"}
STYLE = "text{font:13px sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}"


def escaped(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def bars(title, legend, rows, most):
    """A row is a name, its parts (column and size) and what stands behind the bar."""
    height = 64 + ROW * len(rows)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">' % (WIDTH, height, WIDTH, height),
           "<style>%s</style>" % STYLE, '<rect width="100%" height="100%" fill="#ffffff"/>', '<text x="12" y="24" font-weight="bold">%s</text>' % escaped(title),
           '<text class="small" x="12" y="42">%s</text>' % escaped(legend)]
    for number, (name, parts, behind) in enumerate(rows):
        top, left = 54 + ROW * number, float(LEFT)
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, top + 16, escaped(name)))
        for column, size in parts:
            width = size / most * (WIDTH - LEFT - RIGHT)
            out.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"><title>%s: %s</title></rect>'
                       % (left, top + 2, width, ROW - 6, COLOURS[column], column, size))
            left += width
        out.append('<text class="small" x="%.1f" y="%d">%s</text>' % (left + 6, top + 16, escaped(behind)))
    return "\n".join(out + ["</svg>", ""])


def draw(shown, count, folder):
    fleet = "%s made-up runs" % format(count, ",")
    names, answer = shown["outcome_by_gpu"]
    parts = ["success", "stopped", "no_end_seen", "error"]
    rows = [(row[0], [(part, 100 * row[names.index(part)] / row[1]) for part in parts], "%d runs" % row[1]) for row in answer]
    legend = "of %s: green success, yellow stopped, grey no end seen, red error" % fleet
    (folder / "events-outcome.svg").write_text(bars("Outcome by GPU", legend, rows, 100))
    names, answer = shown["out_of_memory"]
    rows = [("%s, %d, %s, %d GiB" % (row[0].split("/")[1], *row[1:4]), [("percent", row[6])], "%.1f %% of %d" % (row[6], row[5])) for row in answer[:12]]
    (folder / "events-memory.svg").write_text(bars("Out of memory by model, sequence length, adapter and GPU memory", "percent, of " + fleet, rows, 100))
