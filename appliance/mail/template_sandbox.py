"""Jinja's sandbox with everything taken out that a mail does not need.

A template sees plain values: texts, numbers, dates, lists, objects. It gets no attribute of a Python object, no method
but those that are listed, and no function that is not ours.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, missing

from appliance.language import gettext
from appliance.mail import template_grammar, template_operators
from appliance.mail.template_budget import BudgetContext, kind_of, text_of
from appliance.mail.template_filters import FILTERS, TESTS

MOST_TOKENS = 8000

_OBJECT_METHODS = frozenset({"get", "items", "keys", "values"})
_DATE_PARTS = frozenset({"year", "month", "day", "hour", "minute", "second"})
_LOOP_PARTS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "cycle"}
)


class _Undefined(StrictUndefined):
    """Says in our words what there is not."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: type[Any] = UndefinedError
    ) -> None:
        if obj is missing:
            said = gettext("%(name)s is undefined", name=repr(name))
        else:
            said = gettext("%(kind)s has no %(name)s", kind=kind_of(obj), name=repr(name))
        super().__init__(hint or said, obj, name, exc)


@pass_context
def _printed(context: BudgetContext, value: Any) -> str:
    if isinstance(value, Undefined):
        str(value)  # raises, with its name
    text = text_of(value)
    context.budget.spend_on(text)
    return text


class Sandbox(ImmutableSandboxedEnvironment):
    context_class = BudgetContext
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=_Undefined,
            finalize=_printed,
            optimized=False,  # nothing is computed at compile time, where nobody counts
            cache_size=0,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals = {"range": template_operators.bounded_range, "namespace": _namespace}
        self.filters = {**FILTERS, **_OPERATORS}
        self.tests = dict(TESTS)

    def compiled(self, source: str) -> Template:
        """Raises TemplateSyntaxError; also what Python's own compiler raises for what is nested too deeply."""
        self._count_tokens(source)
        tree = template_grammar.checked(self.parse(source))
        return Template.from_code(self, self.compile(tree), self.make_globals(None))

    def names_used(self, source: str) -> set[str]:
        """Those that `source`, which must compile, expects to be given."""
        finder = TrackingCodeGenerator(self)
        finder.optimizer = None  # it would compute
        finder.visit(template_grammar.checked(self.parse(source)))
        return finder.undeclared_identifiers

    def _count_tokens(self, source: str) -> None:
        tokens = 0
        for line, kind, _ in self.lex(source):
            tokens += kind != "whitespace"
            if tokens > MOST_TOKENS:
                raise TemplateSyntaxError(gettext("the template is too long: it has too many tags"), line)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A name in an object comes first: `order.items` is what the order holds, if it holds items."""
        if isinstance(obj, Undefined):
            str(obj)  # raises, with its name
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if attribute in _parts_of(obj):
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            str(obj)  # raises, with its name
        if isinstance(obj, dict | list | tuple | range | str) and isinstance(argument, str | int):
            try:
                return obj[argument]  # type: ignore[index]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        if __obj not in __self.globals.values() and not _is_method(__obj):
            raise SecurityError(template_grammar.only_these_can_be_called())
        for given_by_compiler in ("_loop_vars", "_block_vars"):
            kwargs.pop(given_by_compiler, None)
        return __obj(*args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        context.budget.spend(1)
        return template_operators.calculate(context, operator, left, right)


def _parts_of(obj: Any) -> frozenset[str]:
    if isinstance(obj, dict):
        return _OBJECT_METHODS
    if isinstance(obj, LoopContext):
        return _LOOP_PARTS
    if isinstance(obj, date):
        return frozenset(part for part in _DATE_PARTS if hasattr(obj, part))
    if isinstance(obj, Namespace):
        return frozenset(object.__getattribute__(obj, "_Namespace__attrs"))
    return frozenset()


def _is_method(called: Any) -> bool:
    owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    if isinstance(owner, dict):
        return name in _OBJECT_METHODS
    return isinstance(owner, LoopContext) and name == "cycle"


def _namespace(**values: Any) -> Namespace:
    """For a total that a loop adds up: `{% set sums = namespace(net=0) %}`."""
    return Namespace(values)


_OPERATORS: dict[str, Callable[..., Any]] = {
    template_grammar.LOOP: template_operators.looped,
    template_grammar.COMPARE: template_operators.compared,
    template_grammar.CONCAT: template_operators.concatenated,
    template_grammar.SLICE: template_operators.sliced,
}
