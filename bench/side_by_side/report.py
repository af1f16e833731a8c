"""From rounds to a verdict: medians, ranges, ratios within the same round, and the bars beside them."""

import statistics

COLUMNS = ("server", "requests/s", "range", "ratio", "range", "CPU µs", "p50 ms", "p99 ms", "PSS MB")


def summary(case, results, reference):
    """Everything that is printed of one case, as plain data."""
    servers = {name: server_summary(rounds, results.get(reference)) for name, rounds in results.items() if rounds}
    bars, unjudged = [], []
    for bar in case.bars:
        peer = results.get(bar.peer or reference)
        value = server_summary(results["askr"], peer).get(bar.figure)
        if value is None:
            unjudged.append(bar.text())
        else:
            bars.append({"bar": bar.text(), "measured": value, "met": bar.met(value), "stretch_met": bar.stretch_met(value)})
    return {"case": case.name, "title": case.title, "connections": case.connections, "reference": reference,
            "servers": servers, "bars": bars, "unjudged": unjudged, "rounds": results}


def server_summary(rounds, reference):
    """Median and range of each figure, and of its ratio to the reference in the same round."""
    out = {}
    for figure in rounds[0]:
        values = [one[figure] for one in rounds]
        out[figure] = statistics.median(values)
        out[f"{figure}_range"] = [min(values), max(values)]
        if reference and figure in ("rps", "p50", "p99", "cpu_us") and figure in reference[0]:
            ratios = [one[figure] / other[figure] for one, other in zip(rounds, reference)]
            out[f"{figure}_ratio"] = statistics.median(ratios)
            out[f"{figure}_ratio_range"] = [min(ratios), max(ratios)]
    if "kept" in out:
        out["kept_ratio"] = out["kept"]
    return out


def table(result):
    if "idle_kb" in result["servers"]["askr"]:
        return aligned([("server", "KB a connection", "range", "PSS MB"), *idle_rows(result)])
    rows = [COLUMNS + (("kept", "range") if "kept" in result["servers"]["askr"] else ())]
    for name, one in result["servers"].items():
        ratio = (f"{one['rps_ratio']:.2f}", spread(one["rps_ratio_range"], "{:.2f}")) if "rps_ratio" in one else ("-", "-")
        row = (name, f"{one['rps']:,.0f}", spread(one["rps_range"], "{:,.0f}"), *ratio, f"{one['cpu_us']:.1f}",
               f"{one['p50']:.3g}", f"{one['p99']:.3g}", f"{one['pss'] / 2**20:.0f}")
        rows.append(row + ((f"{one['kept']:.2f}", spread(one["kept_range"], "{:.2f}")) if "kept" in one else ()))
    return aligned(rows)


def idle_rows(result):
    for name, one in result["servers"].items():
        yield name, f"{one['idle_kb']:.2f}", spread(one["idle_kb_range"], "{:.2f}"), f"{one['pss'] / 2**20:.0f}"


def spread(pair, form):
    return f"{form.format(pair[0])}-{form.format(pair[1])}"


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  " + "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                                      for column, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def verdicts(result):
    lines = []
    for bar in result["bars"]:
        verdict = ("met, stretch too" if bar["stretch_met"] else "met") if bar["met"] else "NOT MET"
        lines.append(f"  {bar['bar']}: {bar['measured']:.3g}, {verdict}")
    lines += [f"  {bar}: not judged, its peer was left out" for bar in result["unjudged"]]
    return "\n".join(lines)


def text(result):
    count = result["connections"]
    clients = {"idle": "", "latency": ""}.get(result["case"], f", {count} connections")
    return f"{result['case']}: {result['title']}{clients}\n{table(result)}\n{verdicts(result)}\n"
