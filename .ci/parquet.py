"""Compares a Parquet file, as DuckDB reads it, with the rows it was made from.

    parquet.py FOLDER PAGE

FOLDER has spans.parquet and rows.jsonl, one row a line. PAGE has queries in blocks of ```sql,
and each must have an answer. Exits with 1 at the first difference.
"""

import json
import os
import re
import sys

import duckdb

# What is not the same in JSON: a time of day is microseconds since 1970, a map a list of pairs.
PAIRS = "list_transform(map_entries({}), lambda e: [e.key, e.value])"
EVENTS = f"""list_transform(events, lambda v: {{
    'time': epoch_us(v.time), 'time_ns': v.time_ns, 'name': v.name,
    'attributes': {PAIRS.format('v.attributes')}, 'dropped_attributes': v.dropped_attributes}})"""
LINKS = f"""list_transform(links, lambda v: {{
    'kind': v.kind, 'trace_id': v.trace_id, 'span_id': v.span_id, 'trace_state': v.trace_state,
    'attributes': {PAIRS.format('v.attributes')}, 'dropped_attributes': v.dropped_attributes,
    'trace_flags': v.trace_flags}})"""
AS_JSON = f"""* REPLACE (
    epoch_us(start) AS start,
    {PAIRS.format('attributes')} AS attributes,
    {PAIRS.format('resource_attributes')} AS resource_attributes,
    {PAIRS.format('scope_attributes')} AS scope_attributes,
    {EVENTS} AS events,
    {LINKS} AS links)"""


def main(folder, page):
    os.chdir(folder)
    with open("rows.jsonl", encoding="utf-8") as lines:
        # Only a line feed ends a line; splitlines would cut at other characters, too.
        expected = [json.loads(line) for line in lines]
    compare_types()
    compare_rows(expected)
    compare_sums(expected)
    compare_one_trace(expected)
    run_queries(page)


def compare_types():
    described = duckdb.sql("DESCRIBE SELECT * FROM 'spans.parquet'").fetchall()
    types = {name: kind for name, kind, *_ in described}
    for name, kind in {
        "trace_id": "VARCHAR",
        "start": "TIMESTAMP WITH TIME ZONE",
        "start_ns": "UBIGINT",
        "local_port": "USMALLINT",
        "is_error": "BOOLEAN",
        "attributes": "MAP(VARCHAR, VARCHAR)",
    }.items():
        check(f"the type of {name}", types[name], kind)


def compare_rows(expected):
    answer = duckdb.sql(f"SELECT {AS_JSON} FROM 'spans.parquet'")
    names, rows = answer.columns, answer.fetchall()
    check("the number of rows", len(rows), len(expected))
    for at, (row, wanted) in enumerate(zip(rows, expected)):
        check(f"the columns of row {at}", sorted(names), sorted(wanted))
        for name, value in zip(names, row):
            check(f"{name} of row {at}", value, wanted[name])
    print(f"{len(rows)} rows of {len(names)} columns are as they were written")


def compare_sums(expected):
    """What DuckDB makes of the whole file, with its own arithmetic and the file's statistics."""
    for name in ["start_ns", "duration_ns", "trace_flags", "dropped_attributes"]:
        known = [row[name] for row in expected if row[name] is not None]
        query = f"SELECT count({name}), sum({name}::HUGEINT), min({name}), max({name}) FROM 'spans.parquet'"
        wanted = (len(known), sum(known), min(known), max(known))
        check(f"count, sum, least and greatest of {name}", duckdb.sql(query).fetchall()[0], wanted)
    entries = sum(len(row["attributes"]) for row in expected)
    events = sum(len(row["events"]) for row in expected)
    query = "SELECT sum(cardinality(attributes)), sum(len(events)) FROM 'spans.parquet'"
    check("how many attributes and events", duckdb.sql(query).fetchall()[0], (entries, events))
    print(f"sums agree: {entries} attributes, {events} events")


def compare_one_trace(expected):
    """A condition on trace_id, which statistics and the filter of each row group answer first."""
    for trace_id in [expected[0]["trace_id"], expected[-1]["trace_id"], "f" * 31]:
        wanted = sorted(row["span_id"] for row in expected if row["trace_id"] == trace_id)
        query = "SELECT span_id FROM 'spans.parquet' WHERE trace_id = ? ORDER BY span_id"
        found = [row[0] for row in duckdb.execute(query, [trace_id]).fetchall()]
        check(f"the spans of trace {trace_id}", found, wanted)


def run_queries(page):
    queries = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    check("whether the page has queries", bool(queries), True)
    for query in queries:
        # As text: Python has no time with a zone without a further package.
        query = query.strip().removesuffix(";")
        rows = duckdb.sql(f"SELECT COLUMNS(*)::VARCHAR FROM ({query})").fetchall()
        check(f"whether there is an answer to {query}", bool(rows), True)
        print(f"{len(rows):5} rows: {query.splitlines()[0]}")


def check(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: DuckDB reads {found!r:.1000}, and it was {wanted!r:.1000}")


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as text:
        main(sys.argv[1], text.read())
