"""Resolves CloudFormation's intrinsic functions in synthesised templates: Ref, GetAtt, Sub, Join, ImportValue, conditions."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.aws.dispatch import ACCOUNT_ID, REGION

# JSON out of a template: its shape is the resource's business.
Json = Any
_PSEUDO: Mapping[str, Json] = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NotificationARNs": [],
}
_NOTHING = object()


class TemplateError(Exception):
    """A template says something that the local stack does not know. The message names it and where it stands."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as the template has it, intrinsics unresolved."""

    stack: "StackTemplate"
    logical_id: str
    type: str
    properties: Mapping[str, Json]

    @property
    def where(self) -> str:
        return f"{self.type} {self.logical_id} in {self.stack.name}"

    def get(self, name: str, default: Json = None) -> Json:
        """A property, resolved."""
        found = self.stack.resolve(self.properties.get(name), where=self.where)
        return default if found is None else found


@dataclass(slots=True)
class StackTemplate:
    """One stack: its name, its template and the values given for its parameters."""

    name: str
    template: Mapping[str, Json]
    values: Mapping[str, str]
    universe: "Universe"

    def resources(self) -> Iterator[Resource]:
        for logical_id, entry in self.template.get("Resources", {}).items():
            condition = entry.get("Condition")
            if condition is None or self.condition(condition):
                yield Resource(self, logical_id, entry["Type"], entry.get("Properties", {}))

    def outputs(self) -> Iterator[tuple[str, Mapping[str, Json]]]:
        for name, output in self.template.get("Outputs", {}).items():
            if "Condition" not in output or self.condition(output["Condition"]):
                yield name, output

    def resolve(self, value: Json, *, where: str) -> Json:
        """The value with every intrinsic function worked out; AWS::NoValue is dropped from lists and objects."""
        found = self._resolve(value, where)
        return None if found is _NOTHING else found

    def condition(self, name: str) -> bool:
        """A named condition of the template."""
        if name not in self.template.get("Conditions", {}):
            raise TemplateError(f"{self.name} has no condition {name}")
        return bool(self._resolve(self.template["Conditions"][name], f"condition {name} in {self.name}"))

    def _resolve(self, value: Json, where: str) -> Json:
        if isinstance(value, list):
            return [item for item in (self._resolve(item, where) for item in value) if item is not _NOTHING]
        if isinstance(value, str) and "{{resolve:" in value:
            raise TemplateError(f"{where}: dynamic references such as {value} are not known locally")
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument, where)
        resolved = ((key, self._resolve(item, where)) for key, item in value.items())
        return {key: item for key, item in resolved if item is not _NOTHING}

    def _call(self, name: str, argument: Json, where: str) -> Json:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise TemplateError(f"{where}: {name} is not known locally")
        try:
            return function(self, argument, where)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TemplateError(f"{where}: {name} of {json.dumps(argument)[:200]} cannot be resolved: {error!r}") from error

    def ref(self, name: str, where: str) -> Json:
        if name == "AWS::NoValue":
            return _NOTHING
        if name == "AWS::StackName":
            return self.name
        if name == "AWS::StackId":
            return f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{self.name}/local"
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.template.get("Parameters", {}):
            return self._parameter(name, where)
        return self.universe.attribute(self.resource(name, where), None)

    def _parameter(self, name: str, where: str) -> Json:
        if name in self.values:
            return self.values[name]
        parameter = self.template["Parameters"][name]
        if parameter["Type"].startswith("AWS::SSM::"):
            raise TemplateError(f"{where}: parameter {name} is read from SSM, which does not exist locally")
        if "Default" not in parameter:
            raise TemplateError(f"{where}: parameter {name} of {self.name} has no value")
        return parameter["Default"]

    def attribute(self, name: str, attribute: str, where: str) -> Json:
        return self.universe.attribute(self.resource(name, where), attribute)

    def resource(self, logical_id: str, where: str) -> Resource:
        entry = self.template.get("Resources", {}).get(logical_id)
        if entry is None:
            raise TemplateError(f"{where}: {self.name} has neither a resource nor a parameter {logical_id}")
        return Resource(self, logical_id, entry["Type"], entry.get("Properties", {}))


@dataclass(slots=True)
class Universe:
    """All stacks together, which see each other's exports. `attribute(resource, name or None for Ref)` knows every type's values."""

    attribute: Callable[[Resource, str | None], Json]
    stacks: dict[str, StackTemplate] = field(default_factory=dict)

    def add(self, name: str, template: Mapping[str, Json], values: Mapping[str, str]) -> None:
        declared = template.get("Parameters", {})
        self.stacks[name] = StackTemplate(name, template, {key: text for key, text in values.items() if key in declared}, self)

    def resources(self) -> Iterator[Resource]:
        for stack in self.stacks.values():
            yield from stack.resources()

    def export(self, name: str, where: str) -> Json:
        for stack in self.stacks.values():
            for output, entry in stack.outputs():
                place = f"output {output} of {stack.name}"
                if "Export" in entry and stack.resolve(entry["Export"]["Name"], where=place) == name:
                    return stack.resolve(entry["Value"], where=place)
        raise TemplateError(f"{where}: no stack exports {name}")


def _get_att(stack: StackTemplate, argument: Json, where: str) -> Json:
    name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return stack.attribute(name, attribute, where)


def _sub(stack: StackTemplate, argument: Json, where: str) -> str:
    text, given = (argument, {}) if isinstance(argument, str) else argument

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name in given:
            return str(stack.resolve(given[name], where=where))
        if "." in name:
            logical_id, _, attribute = name.partition(".")
            return str(stack.attribute(logical_id, attribute, where))
        return str(stack.ref(name, where))

    return re.sub(r"\$\{([^}]+)\}", fill, text)


def _find_in_map(stack: StackTemplate, argument: Json, where: str) -> Json:
    name, first, second = (stack.resolve(part, where=where) for part in argument)
    return stack.template["Mappings"][name][first][second]


def _if(stack: StackTemplate, argument: Json, where: str) -> Json:
    condition, then, otherwise = argument
    return stack._resolve(then if stack.condition(condition) else otherwise, where)  # noqa: SLF001 - keeps AWS::NoValue


def _select(stack: StackTemplate, argument: Json, where: str) -> Json:
    index, items = (stack.resolve(part, where=where) for part in argument)
    return items[int(index)]


def _join(stack: StackTemplate, argument: Json, where: str) -> str:
    separator, items = argument
    return str(separator).join(str(item) for item in stack.resolve(items, where=where))


def _split(stack: StackTemplate, argument: Json, where: str) -> list[str]:
    separator, text = argument
    return str(stack.resolve(text, where=where)).split(separator)


def _equals(stack: StackTemplate, argument: Json, where: str) -> bool:
    first, second = stack.resolve(argument, where=where)
    return bool(first == second)


_FUNCTIONS: Mapping[str, Callable[[StackTemplate, Json, str], Json]] = {
    "Ref": StackTemplate.ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::And": lambda stack, argument, where: all(stack.resolve(argument, where=where)),
    "Fn::Or": lambda stack, argument, where: any(stack.resolve(argument, where=where)),
    "Fn::Not": lambda stack, argument, where: not stack.resolve(argument, where=where)[0],
    "Fn::Base64": lambda stack, argument, where: base64.b64encode(str(stack.resolve(argument, where=where)).encode()).decode(),
    "Fn::ImportValue": lambda stack, argument, where: stack.universe.export(stack.resolve(argument, where=where), where),
}
