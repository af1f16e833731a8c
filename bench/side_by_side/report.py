"""From rounds to a verdict: medians, ranges, ratios within the same round, and the bars beside them."""

import statistics

COLUMNS = ("server", "requests/s", "range", "ratio", "range", "CPU µs", "p50 ms", "p99 ms", "PSS MB")
COMPARED = ("rps", "p50", "p99", "cpu_us", "respawn_ms", "memory")


def megabytes(value):
    return f"{value / 2**20:.0f}"


# Of the kinds that are not about requests per second: the heading, the figure, how to write it.
FIGURES = {
    "idle": (("KB a connection", "idle_kb", "{:.2f}".format), ("PSS MB", "pss", megabytes)),
    "respawn": (("ready ms", "respawn_ms", "{:.2f}".format), ("longest ms", "longest_ms", "{:.2f}".format),
                ("answered ms", "answer_ms", "{:.2f}".format), ("boot from nothing ms", "cold_ms", "{:.0f}".format)),
    "paced": (("p50 ms", "p50", "{:.3f}".format), ("p99 ms", "p99", "{:.3f}".format), ("requests/s", "rate", "{:,.0f}".format)),
    "memory": (("PSS MB", "memory", megabytes), ("workers MB", "workers_pss", megabytes),
               ("template MB", "template_pss", megabytes), ("workers' own MB", "workers_own", megabytes)),
    "step": (("settled s", "settled_s", "{:.2f}".format), ("steady p99 ms", "steady_p99", "{:.0f}".format),
             ("worst p99 ms", "worst_p99", "{:.0f}".format), ("most workers", "most_workers", "{:.0f}".format)),
    "rest": (("at rest s", "rest_s", "{:.1f}".format), ("dropped", "dropped", "{:.0f}".format),
             ("answered meanwhile", "trickled", "{:.0f}".format)),
}


def summary(case, results, reference):
    """Everything that is printed of one case, as plain data."""
    servers = {name: server_summary(rounds, results.get(reference)) for name, rounds in results.items() if rounds}
    bars, unjudged = [], []
    for bar in case.bars:
        peer = results.get(bar.peer or reference)
        values = {name: server_summary(results[name], peer).get(bar.figure) for name in case.judged()}
        if None in values.values():
            unjudged.append(bar.text())
            continue
        best = (max if bar.at_least else min)(values, key=values.get)
        bars.append({"bar": bar.text(), "variant": best, "measured": values[best], "met": bar.met(values[best]),
                     "stretch_met": bar.stretch_met(values[best])})
    return {"case": case.name, "title": case.title, "kind": case.kind, "connections": case.connections,
            "reference": reference, "servers": servers, "bars": bars, "unjudged": unjudged, "rounds": results}


def server_summary(rounds, reference):
    """Median and range of each figure, and of its ratio to the reference in the same round."""
    out = {}
    for figure in rounds[0]:
        values = [one[figure] for one in rounds]
        out[figure] = statistics.median(values)
        out[f"{figure}_range"] = [min(values), max(values)]
        if reference and figure in COMPARED and figure in reference[0]:
            pairs = [(one[figure], other[figure]) for one, other in zip(rounds, reference)]
            out[f"{figure}_added"] = statistics.median(own - others for own, others in pairs)
            ratios = [own / others for own, others in pairs]
            out[f"{figure}_ratio"] = statistics.median(ratios)
            out[f"{figure}_ratio_range"] = [min(ratios), max(ratios)]
    if "kept" in out:
        out["kept_ratio"] = out["kept"]
    return out


def table(result):
    if result["kind"] in FIGURES:
        return aligned(figure_rows(result, FIGURES[result["kind"]]))
    rows = [COLUMNS + (("kept", "range") if result["kind"] == "slow" else ())]
    for name, one in result["servers"].items():
        ratio = (f"{one['rps_ratio']:.2f}", spread(one["rps_ratio_range"], "{:.2f}")) if "rps_ratio" in one else ("-", "-")
        row = (name, f"{one['rps']:,.0f}", spread(one["rps_range"], "{:,.0f}"), *ratio, f"{one['cpu_us']:.1f}",
               f"{one['p50']:.3g}", f"{one['p99']:.3g}", megabytes(one["pss"]))
        rows.append(row + ((f"{one['kept']:.2f}", spread(one["kept_range"], "{:.2f}")) if "kept" in one else ()))
    return aligned(rows)


def figure_rows(result, columns):
    """The first figure with its range."""
    (title, figure, write), *others = columns
    yield ("server", title, "range", *(title for title, _, _ in others))
    for name, one in result["servers"].items():
        low, high = map(write, one[f"{figure}_range"])
        yield (name, write(one[figure]), f"{low}-{high}", *(write(one[other]) for _, other, write in others))


def spread(pair, form):
    return f"{form.format(pair[0])}-{form.format(pair[1])}"


def aligned(rows):
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  " + "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                                      for column, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def verdicts(result):
    lines = []
    for bar in result["bars"]:
        verdict = ("met, stretch too" if bar["stretch_met"] else "met") if bar["met"] else "NOT MET"
        variant = f" ({bar['variant']})" if bar["variant"] != "askr" else ""
        lines.append(f"  {bar['bar']}: {bar['measured']:.3g}{variant}, {verdict}")
    lines += [f"  {bar}: not judged, its peer was left out" for bar in result["unjudged"]]
    return "\n".join(lines)


def text(result):
    count = result["connections"]
    clients = "" if result["kind"] in FIGURES or count == 1 else f", {count} connections"
    return f"{result['case']}: {result['title']}{clients}\n{table(result)}\n{verdicts(result)}\n"
