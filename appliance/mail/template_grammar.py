"""Which sentences of Jinja's language a template may contain, and how they are made to pay for what they do.

What is not listed here does not exist. Every operation whose cost depends on values is rewritten into a call of a
function of `template_operators`, which pays first. Nothing is computed while a template is compiled.
"""

from collections.abc import Mapping

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

from appliance.language import gettext
from appliance.mail.template_budget import CHARACTERS, LARGEST_NUMBER
from appliance.mail.template_filters import FILTERS, TESTS

LOOP, COMPARE, CONCAT, SLICE = "loop!", "compare!", "concat!", "slice!"  # names that nobody can write in a template
FUNCTIONS = frozenset({"range", "namespace"})
METHODS = frozenset({"get", "items", "keys", "values", "cycle"})
DEEPEST = 40

_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.With),
    *(nodes.Assign, nodes.AssignBlock, nodes.NSRef, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict),
    *(nodes.Pair, nodes.Keyword, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Call),
    *(nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Concat, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
)
_NAMES: Mapping[type[nodes.Node], str] = {
    nodes.Pow: "'**'",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.FilterBlock: "filter block",
    nodes.Scope: "autoescape",
}


def checked(template: nodes.Template) -> nodes.Template:
    """The same template, fit to be compiled. Raises TemplateSyntaxError with the line."""
    _check(template)
    made = _Rewriter().visit(template)
    assert isinstance(made, nodes.Template)
    return made


def only_these_can_be_called() -> str:
    return gettext("only range, namespace, loop.cycle and .items() .get() can be called")


def _check(template: nodes.Template) -> None:
    waiting: list[tuple[nodes.Node, int]] = [(template, 0)]
    while waiting:
        node, depth = waiting.pop()
        if type(node) not in _ALLOWED:
            name = _NAMES.get(type(node), type(node).__name__.lower())
            raise TemplateSyntaxError(gettext("there is no %(name)s in these templates", name=name), node.lineno)
        if depth > DEEPEST:
            raise TemplateSyntaxError(gettext("things are nested too deeply"), node.lineno)
        _check_one(node)
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check_one(node: nodes.Node) -> None:
    match node:
        case nodes.For() if node.recursive:
            raise TemplateSyntaxError(gettext("a loop cannot be recursive"), node.lineno)
        case nodes.Getattr() if node.attr.startswith("_"):
            raise TemplateSyntaxError(gettext("%(name)s is private", name=repr(node.attr)), node.lineno)
        case nodes.Name() if node.name.startswith("_"):
            fault = gettext("a name does not start with '_': %(name)s", name=repr(node.name))
            raise TemplateSyntaxError(fault, node.lineno)
        case nodes.Const() if isinstance(node.value, int | float) and not abs(node.value) <= LARGEST_NUMBER:
            raise TemplateSyntaxError(gettext("a number is too large"), node.lineno)
        case nodes.Filter():
            _check_filter(node)
        case nodes.Test() if node.name not in TESTS:
            fault = gettext(
                "there is no test %(name)s; there are %(known)s", name=repr(node.name), known=", ".join(TESTS)
            )
            raise TemplateSyntaxError(fault, node.lineno)
        case nodes.Call():
            _check_call(node)
        case nodes.Compare() if len(node.ops) != 1:
            raise TemplateSyntaxError(gettext("compare two things at a time, with 'and' between"), node.lineno)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        known = ", ".join(FILTERS)
        fault = gettext("there is no filter %(name)s; there are %(known)s", name=repr(node.name), known=known)
        raise TemplateSyntaxError(fault, node.lineno)
    if node.node is None:
        raise TemplateSyntaxError(gettext("a filter goes behind a value"), node.lineno)
    _check_arguments(node)


def _check_call(node: nodes.Call) -> None:
    called = node.node
    is_function = isinstance(called, nodes.Name) and called.name in FUNCTIONS
    is_method = isinstance(called, nodes.Getattr) and called.attr in METHODS
    if not (is_function or is_method):
        raise TemplateSyntaxError(only_these_can_be_called(), node.lineno)
    _check_arguments(node)


def _check_arguments(node: nodes.Filter | nodes.Call) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateSyntaxError(gettext("arguments cannot be unpacked with '*'"), node.lineno)


class _Rewriter(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        weight = nodes.Const(_weight([*node.body, *([node.test] if node.test else [])]), lineno=node.lineno)
        self.generic_visit(node)
        node.iter = _call(LOOP, node.iter, weight)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        [operand] = node.ops
        return _call(COMPARE, node.expr, nodes.Const(operand.op, lineno=node.lineno), operand.expr)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _call(CONCAT, nodes.List(node.nodes, lineno=node.lineno))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        part = node.arg
        if not isinstance(part, nodes.Slice):
            return node
        nothing = nodes.Const(None, lineno=node.lineno)
        return _call(SLICE, node.node, *(one or nothing for one in (part.start, part.stop, part.step)))


def _call(name: str, value: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    assert isinstance(value, nodes.Expr)
    return nodes.Filter(value, name, list(arguments), [], None, None, lineno=value.lineno)


def _weight(body: list[nodes.Node]) -> int:
    """What one round of a loop costs: its sentences, and the characters that it writes."""
    found = [one for node in body for one in (node, *node.find_all(nodes.Node))]
    return 1 + len(found) + sum(len(one.data) // CHARACTERS for one in found if isinstance(one, nodes.TemplateData))
