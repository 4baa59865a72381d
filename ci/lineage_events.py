"""Holds OpenLineage events to the specification: every event and facet must be what the official
client's classes, which are made from the published JSON schemas, take: nothing unknown, nothing
missing, each value of its type, each facet of the version that it names.

And to what the specification says in words: a run begins once, ends once and not before it began;
its parent is a run that was told of; and each column that a column is made of stands in the schema
of one of the run's inputs, or of the table's own past.

    lineage_events.py EVENTS

EVENTS has an event a line. Exits with 1 and a line for each disagreement.
"""

import argparse
import collections
import enum
import importlib
import json
import pathlib
import pkgutil
import sys
import types
import typing

import attr
from openlineage.client import generated
from openlineage.client.generated import base

# Facets that only Rapport has: they promise no more than any facet.
OWN_FACETS = {"rapport_run"}

STARTS, ENDS = {"START"}, {"COMPLETE", "FAIL", "ABORT"}


def facet_classes():
    """The specification's facets, by the URL of their schema."""
    classes = {}
    for module in pkgutil.iter_modules(generated.__path__):
        module = importlib.import_module(f"{generated.__name__}.{module.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base.BaseFacet):
                classes[value._get_schema()] = value
    return classes


FACETS = facet_classes()


def structured(kind, value, place):
    """The value as an object of `kind`, a class or type of the client. Raises where it is none."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return one_of(arguments, value, place)
    if origin is list:
        expect(isinstance(value, list), place, value, "a list")
        return [structured(arguments[0], one, f"{place}[{at}]") for at, one in enumerate(value)]
    if origin is dict:
        expect(isinstance(value, dict), place, value, "an object")
        return {key: structured(arguments[1], one, f"{place}.{key}") for key, one in value.items()}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    if isinstance(kind, type) and issubclass(kind, base.BaseFacet):
        return facet(kind, value, place)
    if attr.has(kind):
        return of_class(kind, value, place)
    takes = (int, float) if kind is float else kind
    is_one = isinstance(value, takes) and (kind is bool or not isinstance(value, bool))
    expect(is_one, place, value, kind.__name__)
    return value


def one_of(kinds, value, place):
    mistakes = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return structured(kind, value, place)
        except (TypeError, ValueError) as mistake:
            mistakes.append(str(mistake))
    raise ValueError("; or ".join(mistakes))


def facet(kind, value, place):
    """A facet is of the class that its schema names, which must be one of `kind`."""
    expect(isinstance(value, dict), place, value, "a facet")
    value = dict(value)
    producer, schema = value.pop("_producer", None), value.pop("_schemaURL", None)
    expect(isinstance(producer, str) and producer, f"{place}._producer", producer, "a URI")
    if place.rsplit(".", 1)[-1] in OWN_FACETS:
        expect(schema == kind._get_schema(), f"{place}._schemaURL", schema, kind._get_schema())
        return None
    expect(schema in FACETS, f"{place}._schemaURL", schema, "a facet's schema of this version")
    return of_class(FACETS[schema], value, place)


def of_class(kind, value, place):
    expect(isinstance(value, dict), place, value, "an object")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in attr.fields(kind) if field.init}
    unknown = set(value) - set(fields)
    expect(not unknown, place, sorted(unknown), f"of {kind.__name__} only {sorted(fields)}")
    values = {
        name: structured(hints[name], one, f"{place}.{name}") for name, one in value.items()
    }
    # Raises where anything is missing, and for ids and instants that are none.
    return kind(**values)


def expect(condition, place, found, expected):
    if not condition:
        raise ValueError(f"{place}: found {found!r}, expected {expected}")


def check_event(event):
    """The mistakes of one event against the classes."""
    value = dict(event)
    schema = value.pop("schemaURL", None)
    expect(schema == base.RunEvent._get_schema(), "schemaURL", schema, base.RunEvent._get_schema())
    return of_class(base.RunEvent, value, "event")


def check_column_lineage(event):
    """Columns that columns are said to be made of, and that no table of the event has."""
    columns = {}
    for dataset in event["inputs"] + event["outputs"]:
        fields = dataset["facets"]["schema"]["fields"]
        columns[dataset["namespace"], dataset["name"]] = {field["name"] for field in fields}
    for dataset in event["outputs"]:
        lineage = dataset["facets"].get("columnLineage")
        if lineage is None:
            continue
        own = columns[dataset["namespace"], dataset["name"]]
        for name in set(lineage["fields"]) - own:
            yield f"the table has no column {name}"
        inputs = [one for field in lineage["fields"].values() for one in field["inputFields"]]
        for one in inputs + lineage["dataset"]:
            if one["field"] not in columns.get((one["namespace"], one["name"]), ()):
                yield f"{one['name']}.{one['field']} is made use of, and is of no table read"


def check_order(events):
    """Runs that do not begin and end as they should, or whose parent nobody told of."""
    kinds, parents = collections.defaultdict(list), {}
    for event in events:
        run = event["run"]
        kinds[run["runId"]].append(event["eventType"])
        if "parent" in run["facets"]:
            parents[run["runId"]] = run["facets"]["parent"]["run"]["runId"]
    for run, told in kinds.items():
        if len(told) != 2 or told[0] not in STARTS or told[1] not in ENDS:
            yield f"run {run}: told {told}"
    for run, parent in parents.items():
        if parent not in kinds:
            yield f"run {run}: its parent {parent} was never told of"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("events", type=pathlib.Path)
    path = parser.parse_args().events
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    mistakes = []
    for number, event in enumerate(events, start=1):
        what = f"event {number} ({event.get('eventType')} of {event.get('job', {}).get('name')})"
        try:
            check_event(event)
            mistakes += [f"{what}: {mistake}" for mistake in check_column_lineage(event)]
        except (TypeError, ValueError, KeyError) as mistake:
            mistakes.append(f"{what}: {mistake!r}")
    mistakes += check_order(events)
    for mistake in mistakes:
        print(mistake)
    with_columns = sum(
        "columnLineage" in output["facets"] for event in events for output in event["outputs"]
    )
    if not with_columns:
        mistakes.append("no column lineage")
        print("no event tells what columns are made of")
    print(f"{len(events)} events, {with_columns} with column lineage: {len(mistakes)} mistakes")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
