"""The whole error tree, branched by what the caller can do about it.

::

    ClassmarkError
    ├── InputError               mend the input                  exit 2   HTTP 422
    │   ├── SourceError          ... the file
    │   ├── RecordError          ... these records of it
    │   ├── SettingError         ... this setting or argument
    │   ├── FieldError           ... this field of the request
    │   └── DivergedError        ... the parameters of this training
    ├── NotFoundError            name another one                exit 3   HTTP 404
    │   ├── UnknownDatasetError
    │   ├── UnknownModelError
    │   ├── UnknownVersionError
    │   ├── UnknownPredictionError
    │   └── UnknownKeyError
    ├── ConflictError            look at the state, then decide  exit 4   HTTP 409
    │   ├── VersionExistsError
    │   ├── PromotionRefusedError
    │   └── ParityError
    ├── IntegrityError           restore or retrain; never used  exit 5   HTTP 503
    │   ├── TamperedVersionError
    │   ├── UntrustedVersionError
    │   └── TamperedHistoryError
    ├── UnavailableError         try again later                 exit 6   HTTP 503
    │   ├── DatabaseUnavailableError
    │   ├── OverloadedError
    │   ├── PortInUseError
    │   └── SourceUnavailableError
    └── MissingExtraError        install it                      exit 7   HTTP 501

Every error says what went wrong, which record or setting, and what to do next. Doors translate:
the command line to exit codes, the API to HTTP.
"""

from typing import Any, ClassVar


class ClassmarkError(Exception):
    """Something that classmark foresaw.

    Args:
        message: What went wrong, and where.
        remedy: What to do next, as a sentence.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        """So that one process can hand it to another."""
        return _handed_on, (type(self), self.message), vars(self)


def _handed_on(kind: type[ClassmarkError], message: str) -> ClassmarkError:
    return kind.__new__(kind, message)


class InputError(ClassmarkError):
    """What was given can't be used as it is."""

    exit_code = 2
    http_status = 422


class SourceError(InputError):
    """A file is missing, unreadable or not of its format."""


class RecordError(InputError):
    """Some records of a source are unusable."""


class SettingError(InputError):
    """A setting or an argument has a value that can't be."""


class FieldError(InputError):
    """A field of a request has a value that can't be.

    Args:
        field: Which one, as `texts.3`; a header by its name.
        why: What is wrong with it, without a full stop.
        remedy: What to do next, as a sentence.
    """

    def __init__(self, field: str, why: str, *, remedy: str) -> None:
        super().__init__(f"{field}: {why}.", remedy=remedy)
        self.field = field
        self.why = why


class DivergedError(InputError):
    """A training's loss became no number."""


class NotFoundError(ClassmarkError):
    """What was named does not exist."""

    exit_code = 3
    http_status = 404


class UnknownDatasetError(NotFoundError):
    """No dataset of that name was prepared."""


class UnknownModelError(NotFoundError):
    """No version of that model was registered."""


class UnknownVersionError(NotFoundError):
    """The model has no such version."""


class UnknownPredictionError(NotFoundError):
    """No prediction with that id was logged."""


class UnknownKeyError(NotFoundError):
    """No API key with that id was made."""


class ConflictError(ClassmarkError):
    """The present state does not allow it."""

    exit_code = 4
    http_status = 409


class VersionExistsError(ConflictError):
    """That version was published before; published bytes never change."""


class PromotionRefusedError(ConflictError):
    """The gate refused to move production."""


class ParityError(ConflictError):
    """An exported model does not answer as its parent does."""


class IntegrityError(ClassmarkError):
    """Stored bytes are not what was stored."""

    exit_code = 5
    http_status = 503


class TamperedVersionError(IntegrityError):
    """A version's files do not match its manifest."""


class UntrustedVersionError(IntegrityError):
    """A version's signature is missing, damaged, or nobody's whose word counts."""


class TamperedHistoryError(IntegrityError):
    """A model's history is not what was written."""


class UnavailableError(ClassmarkError):
    """Not now."""

    exit_code = 6
    http_status = 503


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer."""


class OverloadedError(UnavailableError):
    """More is asked than can be answered in time."""


class PortInUseError(UnavailableError):
    """Another process listens there."""


class SourceUnavailableError(UnavailableError):
    """A service or hub that documents come from does not answer."""


class MissingExtraError(ClassmarkError):
    """An optional part is not installed."""

    exit_code = 7
    http_status = 501

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs the '{extra}' extra, which is not installed.",
            remedy=f"Install it: pip install 'classmark[{extra}]'",
        )
