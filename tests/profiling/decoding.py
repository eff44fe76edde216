"""Reads profile.proto with the protobuf library, independently of the code that writes it."""

from __future__ import annotations

import gzip
from importlib import import_module
from typing import Any

_VARINT, _MESSAGE, _TEXT = 3, 11, 9  # FieldDescriptorProto.Type: int64, message, string
_FIELDS = {
    "ValueType": [("type", 1, "", 0), ("unit", 2, "", 0)],
    "Sample": [("location_id", 1, "", 1), ("value", 2, "", 1)],
    "Mapping": [("id", 1, "", 0), ("filename", 5, "", 0), ("has_functions", 7, "", 0)],
    "Line": [("function_id", 1, "", 0), ("line", 2, "", 0)],
    "Location": [("id", 1, "", 0), ("mapping_id", 2, "", 0), ("line", 4, "Line", 1)],
    "Function": [("id", 1, "", 0), ("name", 2, "", 0), ("filename", 4, "", 0), ("start_line", 5, "", 0)],
    "Profile": [
        ("sample_type", 1, "ValueType", 1),
        ("sample", 2, "Sample", 1),
        ("mapping", 3, "Mapping", 1),
        ("location", 4, "Location", 1),
        ("function", 5, "Function", 1),
        ("string_table", 6, "text", 1),
        ("time_nanos", 9, "", 0),
        ("duration_nanos", 10, "", 0),
        ("period_type", 11, "ValueType", 0),
        ("period", 12, "", 0),
        ("comment", 13, "", 1),
        ("default_sample_type", 14, "", 0),
    ],
}


def _message_class() -> Any:
    file = import_module("google.protobuf.descriptor_pb2").FileDescriptorProto(
        name="profile.proto", package="p", syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            wire = {"": _VARINT, "text": _TEXT}.get(kind, _MESSAGE)
            added = message.field.add(name=field, number=number, type=wire, label=3 if repeated else 1)
            if wire == _MESSAGE:
                added.type_name = f".p.{kind}"
    pool = import_module("google.protobuf.descriptor_pool").DescriptorPool()
    pool.Add(file)
    factory = import_module("google.protobuf.message_factory")
    return factory.GetMessageClass(pool.FindMessageTypeByName("p.Profile"))


class Decoded:
    """A profile file, with its indices followed."""

    def __init__(self, packed: bytes) -> None:
        self.raw = _message_class()()
        self.raw.ParseFromString(gzip.decompress(packed))
        self.strings = list(self.raw.string_table)
        functions = {each.id: each for each in self.raw.function}
        places = {
            each.id: (
                self.strings[functions[each.line[0].function_id].name],
                self.strings[functions[each.line[0].function_id].filename],
                each.line[0].line,
            )
            for each in self.raw.location
        }
        self.samples = [
            (tuple(places[number] for number in each.location_id), tuple(each.value))
            for each in self.raw.sample
        ]
        self.types = [self._measure(each) for each in self.raw.sample_type]
        self.period_type = self._measure(self.raw.period_type)
        self.default = self.strings[self.raw.default_sample_type]
        self.comments = [self.strings[index] for index in self.raw.comment]

    def _measure(self, of: Any) -> tuple[str, str]:
        return self.strings[of.type], self.strings[of.unit]

    def total(self, function: str, measure: int = -1) -> int:
        """Return the sum over the samples that have a function of this name's ending in their stack."""
        return sum(
            values[measure]
            for stack, values in self.samples
            if any(name.endswith(function) for name, _, _ in stack)
        )
