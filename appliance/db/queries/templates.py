"""Templates as they are shown, and the one version that a message is made from."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from appliance.db.models import Template, TemplateVersion


def page(session: Session, *, after: str | None = None, limit: int = 50) -> tuple[Sequence[Template], str | None]:
    """In the order of their ids, with the id to go on after."""
    query = select(Template).where(Template.deleted_at.is_(None)).order_by(Template.id)
    if after:
        query = query.where(Template.id > after)
    found = session.scalars(query.limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def by_slug(session: Session, slug: str) -> Template | None:
    """Not one that is deleted."""
    return session.scalars(select(Template).where(Template.slug == slug, Template.deleted_at.is_(None))).one_or_none()


def slug_of(session: Session, template_id: str | None) -> str | None:
    """Also of one that is deleted: messages still name it."""
    return None if template_id is None else session.scalar(select(Template.slug).where(Template.id == template_id))


def slugs_of(session: Session, template_ids: Iterable[str | None]) -> dict[str, str]:
    """By id, also of those that are deleted."""
    wanted = {one for one in template_ids if one is not None}
    if not wanted:
        return {}
    return {
        row.id: row.slug for row in session.execute(select(Template.id, Template.slug).where(Template.id.in_(wanted)))
    }


def ids_of(wanted: str) -> Select[str]:
    """Of every template that has or had the slug `wanted`, or that has it as its id."""
    return select(Template.id).where((Template.slug == wanted) | (Template.id == wanted))


def was_ever(session: Session, wanted: str) -> bool:
    """Whether `ids_of` it are any."""
    return session.scalar(ids_of(wanted).limit(1)) is not None


def version(session: Session, template_id: str, number: int) -> TemplateVersion | None:
    return session.get(TemplateVersion, (template_id, number))


def versions(
    session: Session, template_id: str, *, before: int | None = None, limit: int = 50
) -> tuple[Sequence[TemplateVersion], int | None]:
    """The newest first, with the number to go on before."""
    query = select(TemplateVersion).where(TemplateVersion.template_id == template_id)
    if before is not None:
        query = query.where(TemplateVersion.number < before)
    found = session.scalars(query.order_by(TemplateVersion.number.desc()).limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].number if len(found) > limit else None
