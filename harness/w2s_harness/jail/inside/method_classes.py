"""From a method module's source to the method classes that it offers, inside the worker."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import numbers
import os
import sys
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, cast, get_type_hints

import numpy as np
import pluggy

from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import nearest
from w2s_harness.contract.types import Method
from w2s_harness.contract.worker.wire import parameters
from w2s_harness.contract.worker.wire.messages import MethodInfo, Parameter, Source

HOOK = "w2s_methods"
_TYPES: dict[Any, str] = {bool: "bool", int: "int", float: "float", str: "str"}


class ContractError(Exception):
    """The method breaks the contract; the message names it and says what to do."""


def load(source: Source) -> types.ModuleType:
    """Import the module, or run the file's bytes under its own name so that tracebacks show its lines.

    Raises whatever the module raises.
    """
    if source.code is None:
        return importlib.import_module(source.module)
    module = types.ModuleType(source.module)
    module.__file__ = source.filename
    # dataclasses look a class's module up by name; a later `import` must find this one as well.
    sys.modules[source.module] = module
    text = source.code.decode("utf-8", "replace")
    linecache.cache[source.filename] = (len(text), None, text.splitlines(keepends=True), source.filename)
    exec(compile(source.code, source.filename, "exec"), module.__dict__)
    return module


def own_files(source: Source) -> tuple[str, ...]:
    """What the filenames of the method's own frames start with."""
    if source.code is not None:
        return (source.filename,)
    found = importlib.util.find_spec(source.module.partition(".")[0])
    if found is None:
        return ()
    folders = found.submodule_search_locations
    return tuple(f + os.sep for f in folders) if folders else (found.origin or "",)


def offered(module: types.ModuleType) -> dict[str, type[Method]]:
    """The method classes that the module's `w2s_methods` hook returns, by name.

    Raises `ContractError` for an unknown or missing hook, for what is no method and for two of one name.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    _check_hooks(module)
    try:
        manager.register(module)
    except pluggy.PluginValidationError as bad:
        raise ContractError(f"{HOOK}: {str(bad).strip().splitlines()[-1]}") from bad
    classes: dict[str, type[Method]] = {}
    for answer in manager.hook.w2s_methods():
        for item in answer:
            classes[_name(item, classes)] = item
    if not classes:
        raise ContractError("w2s_methods() returned no method. Return a list of method classes.")
    return classes


def build(classes: Mapping[str, type[Method]], name: str, values: Mapping[str, Any]) -> Method:
    """The method called `name` with its parameters set. Raises `ContractError` for unknown ones."""
    if name not in classes:
        raise ContractError(f"the module offers no method '{name}', only {', '.join(sorted(classes))}")
    known = {p.name: p for p in described(name, classes[name]).parameters}
    given = {}
    for key, value in values.items():
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ContractError(f"{name}: no parameter '{key}'{nearest(key, known)}; {has}")
        given[key] = _value(name, known[key], value)
    return classes[name](**given)


def described(name: str, cls: type[Method]) -> MethodInfo:
    """What a method class says of itself. Raises `ContractError` where a field is no parameter."""
    # A dataclass without a docstring is given its own signature as one.
    text = cls.__doc__ or ""
    authors = (cls.authors,) if isinstance(cls.authors, str) else tuple(cls.authors)
    return MethodInfo(
        name=name,
        summary="" if text.startswith(f"{cls.__name__}(") else text.strip().partition("\n")[0],
        parameters=_parameters(name, cls),
        access=(cls.access,) if isinstance(cls.access, str) else tuple(cls.access),
        track=cls.track,
        by_steps=cls.by_steps,
        authors=authors,
        authored_by=cls.authored_by,
        authored_hours=cls.authored_hours,
        authored_usd=cls.authored_usd,
        reference=cls.reference,
    )


def _check_hooks(module: types.ModuleType) -> None:
    for name, value in sorted(vars(module).items()):
        marked = isinstance(getattr(value, f"{hookspecs.PROJECT}_impl", None), dict)
        if name == HOOK and callable(value) and not marked:
            raise ContractError("w2s_methods() lacks its decorator: put @hookimpl above it")
        if name != HOOK and marked:
            hint = nearest(name, [HOOK])
            raise ContractError(f"a method module offers {HOOK}() and no other hook, not '{name}'{hint}")
    if not callable(vars(module).get(HOOK)):
        raise ContractError(
            "the module has no w2s_methods(). Add `@hookimpl def w2s_methods(): return [YourMethod]`"
        )


def _name(item: Any, taken: Mapping[str, type[Method]]) -> str:
    if not (isinstance(item, type) and issubclass(item, Method)):
        raise ContractError(
            f"w2s_methods() returned {item!r}, expected classes derived from w2s_harness.Method"
        )
    name = getattr(item, "name", None)
    if not isinstance(name, str) or not name:
        raise ContractError(f'{item.__name__} has no name. Add `name = "..."` to the class.')
    if name in taken:
        raise ContractError(f"two classes are called '{name}': {taken[name].__name__} and {item.__name__}")
    return name


def _parameters(name: str, cls: type[Method]) -> tuple[Parameter, ...]:
    if not is_dataclass(cls):
        return ()
    hints = get_type_hints(cls)
    found = []
    for field in fields(cls):
        kind = _TYPES.get(hints[field.name])
        if kind is None:
            raise ContractError(f"{name}: parameter '{field.name}' must be a bool, an int, a float or a str")
        if field.default is MISSING:
            raise ContractError(f"{name}: parameter '{field.name}' has no default")
        found.append(Parameter(field.name, cast(Any, kind), _default(name, field.name, kind, field.default)))
    return tuple(found)


def _default(name: str, field: str, kind: str, value: Any) -> Any:
    """A default as it is told."""
    try:
        value = parameters.told(_plain(kind, value))
    except OverflowError:
        raise ContractError(f"{name}: the default of '{field}' is beyond what a float can hold") from None
    why = parameters.problem(kind, value)
    if why:
        raise ContractError(f"{name}: the default of '{field}' {why}")
    return value


def _plain(kind: str, value: Any) -> Any:
    """A number of numpy's, a text of a subclass: as Python's own; anything else as it is."""
    if kind == "bool" and isinstance(value, np.bool_):
        return bool(value)
    if kind == "float" and isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    if kind == "int" and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return str.__str__(value) if kind == "str" and isinstance(value, str) else value


def _value(name: str, parameter: Parameter, value: Any) -> Any:
    if parameter.type == "float" and type(value) is int:
        return float(value)
    value = parameters.meant(parameter.type, value)
    if type(value).__name__ != parameter.type:
        raise ContractError(f"{name}: parameter '{parameter.name}' is {value!r}, expected a {parameter.type}")
    return value
