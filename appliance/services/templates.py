"""Templates: create, change, roll back, delete. Every change of what they say makes exactly one version."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Template, TemplateVersion
from appliance.db.models.base import insert_rows
from appliance.db.queries import templates
from appliance.db.types import new_id
from appliance.errors import Conflict, FieldError, NotFound, WrongState
from appliance.language import gettext, in_this_language
from appliance.services import audit
from appliance.services.permission import Permission, needs
from appliance.services.template_form import TemplateForm, check, content_of, faults

RunNative = Callable[[Callable[[], Any]], Any]


class Templates:
    """`run_native` keeps compiling, which checks a template, off the event loop."""

    def __init__(self, database: Database, limits: LimitsSettings, *, run_native: RunNative, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._run_native = run_native
        self._clock = clock

    @needs(Permission.OPERATE)
    def create(self, slug: str, form: TemplateForm, *, author: str, reason: str = "") -> str:
        """Version 1. Returns the template's id.

        Raises:
            InvalidInput: with every wrong field.
            Conflict: there is one with this slug.
        """
        self._check(form, reason, slug)
        template_id, now = new_id("tpl"), self._clock()
        row = audit.entry("template.created", template_id, {"slug": slug}, now)

        def write(session: Session) -> None:
            if templates.by_slug(session, slug) is not None:
                raise _taken(slug)
            times = {"created_at": now, "updated_at": now}
            insert_rows(session, Template, {"id": template_id, "slug": slug, "name": form.name, "version": 1, **times})
            _insert_version(session, template_id, 1, form.content(), author, reason or "Created.", now)
            AuditEntry.note(session, row)

        try:
            self._database.write(write)
        except IntegrityError as error:  # on a database server two creations can race
            raise _taken(slug) from error
        return template_id

    @needs(Permission.OPERATE)
    def change(
        self, slug: str, form: TemplateForm, *, author: str, reason: str = "", base_version: int | None = None
    ) -> bool:
        """Returns whether it made a version: what says the same makes none, and a new name alone makes none.

        Raises:
            NotFound: there is no such template.
            InvalidInput: with every wrong field.
            Conflict: `base_version`, which the change started from, is not the present one any more.
        """
        self._check(form, reason)
        now = self._clock()
        row = audit.entry("template.changed", "", {"slug": slug, "name": form.name, "reason": reason}, now)

        def write(session: Session) -> bool:
            template = _existing(session, slug)
            if base_version not in (None, template.version):
                raise _changed_meanwhile(template)
            renamed = _rename(session, template, form.name, now)
            if content_of(_version(session, template, template.version)) == form.content():
                if renamed:
                    _note(session, row, template, template.version)
                return False
            _note(session, row, template, _advance(session, template, form.content(), author, reason, now))
            return True

        return self._database.write(write)

    @needs(Permission.OPERATE)
    def roll_back(self, slug: str, number: int, *, author: str, reason: str = "") -> int:
        """Makes what version `number` said the newest version; returns the new one's number.

        Raises:
            NotFound: there is no such template or version.
            WrongState: it says that already.
        """
        now = self._clock()
        row = audit.entry("template.rolled_back", "", {"slug": slug, "to": number, "reason": reason}, now)

        def write(session: Session) -> int:
            template = _existing(session, slug)
            wanted = content_of(_version(session, template, number))
            if wanted == content_of(_version(session, template, template.version)):
                raise WrongState(
                    gettext(
                        "The template says what version %(number)s said already. Nothing was changed.", number=number
                    )
                )
            made = _advance(session, template, wanted, author, reason or f"Back to version {number}.", now)
            _note(session, row, template, made)
            return made

        return self._database.write(write)

    @needs(Permission.OPERATE)
    def delete(self, slug: str) -> None:
        """Frees the slug. Messages made from it keep their content and can still name it. Raises NotFound."""
        now = self._clock()
        row = audit.entry("template.deleted", "", {"slug": slug}, now)

        def write(session: Session) -> None:
            template = _existing(session, slug)
            if not Template.delete(session, template.id, now=now):
                raise NotFound("template", slug)
            _note(session, row, template, template.version)

        self._database.write(write)

    def faults(
        self, form: TemplateForm, reason: str, *, slug: str | None, all_declared: bool = True
    ) -> list[FieldError]:
        """What `create`, or without a `slug` `change`, would find wrong with the fields. Stores nothing."""
        look = partial(faults, form, reason, self._limits, slug=slug, all_declared=all_declared)
        found: list[FieldError] = self._run_native(in_this_language(look))
        return found

    def _check(self, form: TemplateForm, reason: str, slug: str | None = None) -> None:
        self._run_native(in_this_language(partial(check, form, reason, self._limits, slug=slug)))


def _rename(session: Session, template: Template, name: str, now: datetime) -> bool:
    if template.name == name:
        return False
    template.name, template.updated_at = name, now
    session.flush()
    return True


def _note(session: Session, row: dict[str, Any], template: Template, version: int) -> None:
    AuditEntry.note(session, row | {"target": template.id, "detail": row["detail"] | {"version": version}})


def _advance(
    session: Session, template: Template, content: dict[str, Any], author: str, reason: str, now: datetime
) -> int:
    number = template.version + 1
    if not Template.advance(session, template.id, known=template.version, now=now):
        raise _changed_meanwhile(template)
    _insert_version(session, template.id, number, content, author, reason, now)
    return number


def _insert_version(
    session: Session, template_id: str, number: int, content: dict[str, Any], author: str, reason: str, now: datetime
) -> None:
    row = {"template_id": template_id, "number": number, "author": author, "reason": reason, "created_at": now}
    insert_rows(session, TemplateVersion, row | content)


def _existing(session: Session, slug: str) -> Template:
    template = templates.by_slug(session, slug)
    if template is None:
        raise NotFound("template", slug)
    return template


def _version(session: Session, template: Template, number: int) -> TemplateVersion:
    version = templates.version(session, template.id, number)
    if version is None:
        raise NotFound("version", str(number))
    return version


def _taken(slug: str) -> Conflict:
    return Conflict(
        gettext("There is a template %(slug)s already. Choose another slug, or change that one.", slug=repr(slug))
    )


def _changed_meanwhile(template: Template) -> Conflict:
    return Conflict(
        gettext(
            "Somebody else changed the template meanwhile: it is at version %(number)s. "
            "Read it again, and make your change there. Nothing was saved.",
            number=template.version,
        )
    )
