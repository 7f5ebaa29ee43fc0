"""What the ledger says to the database, built once.

To build a statement takes several times as long as the database needs to answer it: what differs
from one use to the next is a parameter, named `of_...` where a column has the name itself.
"""

from typing import Any

from sqlalchemy import (
    BindParameter,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from classmark.database import Base
from classmark.registry.gate import Status
from classmark.registry.records import Action
from classmark.registry.tables import EventRow, VersionRow

_VERSIONS = Base.metadata.tables[VersionRow.__tablename__]
_EVENTS = Base.metadata.tables[EventRow.__tablename__]
_V, _E = _VERSIONS.c, _EVENTS.c

_NUMBER = (_V.major, _V.minor, _V.patch)
_IS_MODEL = _V.model == bindparam("of_model")
_IS_VERSION = and_(_IS_MODEL, *(column == bindparam(f"of_{column.name}") for column in _NUMBER))
# Written out, or SQLite would not see that its index of what is live answers this.
_IS_LIVE = and_(_IS_MODEL, _V.status == literal_column(f"'{Status.PRODUCTION.value}'"))
# In the order of `Entry`.
_ENTRY = select(_V.model, *_NUMBER, _V.status, _V.digest, _V.created_at, _V.details)

FIRST_TO_WAIT_FOR = select(_V.id).where(_IS_MODEL).order_by(_V.id).limit(1).with_for_update()
NEWEST_FIRST = _ENTRY.where(_IS_MODEL).order_by(*(column.desc() for column in _NUMBER))
NEWEST = NEWEST_FIRST.limit(bindparam("newest"))
STANDINGS = (
    select(*_NUMBER, _V.status, _V.created_at, _V.digest).where(_IS_MODEL).order_by(*_NUMBER)
)
COUNT = select(func.count()).select_from(_VERSIONS).where(_IS_MODEL)
LIVE = _ENTRY.where(_IS_LIVE)
LIVE_NUMBER = select(*_NUMBER).where(_IS_LIVE)
VERSION = _ENTRY.where(_IS_VERSION)
SOME = _ENTRY.where(_IS_MODEL, tuple_(*_NUMBER).in_(bindparam("numbers", expanding=True)))
_AS_IT_WAS = and_(_IS_VERSION, _V.status == bindparam("was"))
ADD = insert(_VERSIONS)
MOVE = update(_VERSIONS).where(_AS_IT_WAS).values(status=bindparam("becomes"))
REMOVE = delete(_VERSIONS).where(_AS_IT_WAS)

_OF_MODEL = _E.model == bindparam("of_model")
_OF_VERSION = and_(_OF_MODEL, _E.version == bindparam("of_version"))
_IS_DELETION = _E.action == Action.DELETED.value
_MOVED = _E.production_before.is_distinct_from(_E.production_after)
# In the order of `VersionEvent`.
_EVENT = select(*(column for column in _E if column.name not in {"id", "model"}))
LAST = select(_E.sequence, _E.at, _E.digest).where(_OF_MODEL).order_by(_E.sequence.desc()).limit(1)
SEQUENCE_OF = (
    select(_E.sequence)
    .where(_OF_MODEL, _E.digest == bindparam("of_digest"))
    # What is looked for is nearly always the last event but one: whoever begins there is done soon.
    .order_by(_E.sequence.desc())
    .limit(1)
)
NUMBERS_AFTER = select(_E.version, _E.production_before, _E.production_after).where(
    _OF_MODEL, _E.sequence > bindparam("since")
)
_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
CONCERNING = _EVENT.where(
    _OF_MODEL,
    or_(
        _E.version.in_(_NUMBERS),
        and_(or_(_E.production_before.in_(_NUMBERS), _E.production_after.in_(_NUMBERS)), _MOVED),
    ),
).order_by(_E.sequence)
LAST_EVENTS = _EVENT.where(_OF_MODEL).order_by(_E.sequence.desc())
NEWEST_EVENTS = LAST_EVENTS.limit(bindparam("newest"))
DELETION = _EVENT.where(_OF_VERSION, _IS_DELETION).limit(1)
DELETED = select(_E.version).where(_OF_MODEL, _IS_DELETION)
FIRST_DIGEST = select(_E.digest).where(_OF_MODEL, _E.sequence == 1)
MANIFESTS = select(_E.manifest).where(_OF_VERSION)
DELETED_MANIFESTS = select(_E.manifest).where(
    _OF_MODEL,
    _IS_DELETION,
    _E.manifest.in_(select(_E.manifest).where(_OF_MODEL, _E.action == Action.REGISTERED.value)),
    _E.manifest.not_in(select(_V.digest).where(_IS_MODEL)),
)
REPLACED = (
    select(_E.production_before)
    .where(_OF_MODEL, _E.production_before != _E.production_after)
    .order_by(_E.sequence.desc())
)
APPEND = insert(_EVENTS)
