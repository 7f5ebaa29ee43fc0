"""All settings of a home, composed from the rooms' own; the only reader of YAML and environment.

A setting is taken from, first wins: the environment (`CLASSMARK_DATABASE_URL`,
`CLASSMARK_SERVING__THREADS`, ...), the file `classmark.yaml` in the home, its default.
"""

import getpass
import math
import os
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

import orjson
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)
from sqlalchemy import URL
from yaml import YAMLError

from classmark.documents import CollectingSettings
from classmark.durable import leads_outside
from classmark.errors import SettingError
from classmark.mlflow_server import is_server
from classmark.registry import (
    MirrorSettings,
    PromotionSettings,
    RetentionSettings,
    SigningSettings,
    StorageSettings,
    Trust,
    storage_location,
)
from classmark.serving import Fallback, ServingSettings
from classmark.wording import reason

CONFIGURATION = "classmark.yaml"
_MULTIPROCESS_METRICS = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Whether and where the record of training runs is kept.

    It stands here, as its room can't be imported without what training needs.

    Attributes:
        enabled: "auto" keeps it where MLflow is installed.
        uri: Of an MLflow server (http, https) or of another SQLite file; empty keeps the record in
            the home. It may hold a name and password and is therefore never shown as it is.
        timeout_seconds: How long training waits for a server, at its start and at its end.
    """

    enabled: bool | Literal["auto"] = "auto"
    uri: str = field(default="", repr=False)
    timeout_seconds: float = 5.0

    @property
    def is_on(self) -> bool:
        """Whether a record is to be kept."""
        return find_spec("mlflow") is not None if self.enabled == "auto" else self.enabled


Room = TypeVar(
    "Room",
    ServingSettings,
    CollectingSettings,
    TrackingSettings,
    RetentionSettings,
    PromotionSettings,
    MirrorSettings,
    StorageSettings,
    SigningSettings,
)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


class Settings(BaseSettings):
    """What can be set of a home."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="CLASSMARK_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    home: Path = Field(default=Path("workspace"), description="The folder of everything.")
    database_url: str | None = Field(
        default=None, description="As SQLAlchemy writes it; SQLite in the home by default."
    )
    actor: str = Field(
        default_factory=_user, description="Who is written into the history; the login by default."
    )
    collecting: CollectingSettings = CollectingSettings()
    promotion: PromotionSettings = PromotionSettings()
    mirror: MirrorSettings = MirrorSettings()
    retention: RetentionSettings = RetentionSettings()
    serving: ServingSettings = ServingSettings()
    storage: StorageSettings = StorageSettings()
    signing: SigningSettings = SigningSettings()
    tracking: TrackingSettings = TrackingSettings()

    @property
    def database(self) -> str:
        """The URL of the database."""
        if self.database_url:
            return self.database_url
        return URL.create("sqlite", database=str(self.home / "classmark.db")).render_as_string()

    @property
    def trust(self) -> Trust:
        """Whose signatures of versions count."""
        given = self.signing.trusted_keys
        # A `~` of somebody who is not there stays as it is, and is then told to be no key.
        keys = self.home / os.path.expanduser(given) if given else None  # noqa: PTH111
        return Trust(keys, self.signing.required)

    @field_validator(
        "serving",
        "collecting",
        "tracking",
        "retention",
        "promotion",
        "mirror",
        "storage",
        "signing",
    )
    @classmethod
    def _no_negative_numbers(cls, value: Room) -> Room:
        numbers = {name: it for name, it in asdict(value).items() if not isinstance(it, str)}
        wrong = [name for name, it in numbers.items() if not 0 <= it < math.inf]
        if wrong:
            raise ValueError(f"no number of 0 or more: {', '.join(wrong)}")
        return value

    @field_validator("serving", mode="before")
    @classmethod
    def _off_as_it_is_written(cls, value: object) -> object:
        # YAML reads a bare off as false.
        if isinstance(value, dict) and value.get("api_keys") is False:
            return {**value, "api_keys": "off"}
        return value

    @field_validator("collecting")
    @classmethod
    def _keys_as_others_name_them(cls, value: CollectingSettings) -> CollectingSettings:
        keys = {
            "ncbi_key": value.ncbi_key or os.environ.get("NCBI_API_KEY", ""),
            "semantic_scholar_key": value.semantic_scholar_key or os.environ.get("S2_API_KEY", ""),
        }
        keys = {name: key.strip() for name, key in keys.items()}
        # The message tells which, never what.
        wrong = [name for name, key in keys.items() if not (key.isascii() and key.isprintable())]
        if wrong:
            raise ValueError(f"characters that no key has: {', '.join(wrong)}")
        return replace(
            value,
            ncbi_key=keys["ncbi_key"],
            semantic_scholar_key=keys["semantic_scholar_key"],
        )

    @field_validator("tracking")
    @classmethod
    def _uri_of_a_server_or_a_file(cls, value: TrackingSettings) -> TrackingSettings:
        if not _is_tracking_uri(value.uri):
            # It may hold a password: what it is stays untold.
            raise ValueError("uri is neither http(s)://HOST[:PORT] nor sqlite:///PATH")
        return value

    @field_validator("mirror")
    @classmethod
    def _uri_of_a_server(cls, value: MirrorSettings) -> MirrorSettings:
        if value.mlflow_uri and not is_server(value.mlflow_uri):
            # As above, it stays untold.
            raise ValueError("mlflow_uri is not http(s)://HOST[:PORT]")
        return value

    @field_validator("storage")
    @classmethod
    def _storage_that_can_be(cls, value: StorageSettings, info: ValidationInfo) -> StorageSettings:
        location = storage_location(value.uri) if value.uri else None
        home = info.data.get("home")
        if location and not location.bucket and home and not _are_apart(Path(location.path), home):
            raise ValueError("uri is inside of the home, or the home inside of it")
        if value.endpoint_url and not _is_bare_server(value.endpoint_url):
            raise ValueError("endpoint_url is no http(s)://HOST[:PORT]")
        if not value.timeout_seconds:
            raise ValueError("timeout_seconds must be above 0")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line before the environment before the file."""
        del dotenv_settings, file_secret_settings
        file = YamlConfigSettingsSource(settings_cls)
        if "home" in file.yaml_data:
            raise SettingError(
                f"{file.yaml_file_path} can't set home: it is looked for in the home.",
                remedy="Take home out of it, and use --home or CLASSMARK_HOME.",
            )
        return init_settings, env_settings, file


class ServeJob(BaseSettings):
    """What the processes of a server must know beside the settings; handed on by environment."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="CLASSMARK_SERVE_", frozen=True
    )

    model: str
    page: bool = True
    workers: int = 1
    fallback: Fallback | None = None

    def hand_on(self, settings: Settings, metrics: Path) -> None:
        """Put all of it into the environment that worker processes inherit.

        Args:
            settings: Of the home.
            metrics: An empty folder in which workers share their counts.
        """
        os.environ |= {
            "CLASSMARK_HOME": str(settings.home),
            "CLASSMARK_SERVE_MODEL": self.model,
            "CLASSMARK_SERVE_PAGE": str(self.page),
            "CLASSMARK_SERVE_WORKERS": str(self.workers),
            _MULTIPROCESS_METRICS: str(metrics),
        }
        if self.fallback is not None:
            told = orjson.dumps(asdict(self.fallback)).decode()
            os.environ["CLASSMARK_SERVE_FALLBACK"] = told

    @classmethod
    def handed_on(cls) -> Self:
        """What the parent process put into the environment."""
        return cls()  # type: ignore[call-arg]  # from the environment


def load_settings(home: Path | None = None) -> Settings:
    """The settings of a home.

    Args:
        home: Its folder; None takes `CLASSMARK_HOME`, else `workspace`.

    Raises:
        SettingError: A setting is unknown or has a value that can't be; it is named.
    """
    folder = _folder(home or Path(os.environ.get("CLASSMARK_HOME") or "workspace"))
    _check_variables()

    class Located(Settings):
        model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
            yaml_file=folder / CONFIGURATION
        )

    try:
        return Located(home=folder)
    except ValidationError as error:
        problems = "; ".join(_described(item) for item in error.errors())
        raise SettingError(
            f"Settings of {folder} can't be used ({problems}).",
            remedy=f"Mend {CONFIGURATION} or the CLASSMARK_* variables; docs/settings.md has all.",
        ) from error
    except SettingsError as error:
        raise SettingError(
            f"A CLASSMARK_* variable can't be read ({error}).",
            remedy="Set each setting on its own, as CLASSMARK_SERVING__THREADS=4.",
        ) from error
    except (YAMLError, ValueError, TypeError, OSError) as error:
        raise SettingError(
            f"{folder / CONFIGURATION} can't be read ({' '.join(str(error).split())}).",
            remedy="Mend its YAML: one `name: value` a line.",
        ) from error


def _check_variables() -> None:
    """Refuse a variable that has one underscore between room and name: nobody would heed it."""
    rooms = {name: it.annotation for name, it in Settings.model_fields.items()}
    wanted = {
        f"CLASSMARK_{room}_{one.name}".upper(): f"CLASSMARK_{room}__{one.name}".upper()
        for room, kind in rooms.items()
        if is_dataclass(kind)
        for one in fields(kind)
    }
    wrong = next((name for name in os.environ if name.upper() in wanted), None)
    if wrong is not None:
        raise SettingError(
            f"There is no variable {wrong}.",
            remedy=f"Call it {wanted[wrong.upper()]}, with two underscores after the room.",
        )


def _are_apart(storage: Path, home: Path) -> bool:
    """Whether neither folder lies in the other: what goes from a storage must stay here."""
    return all(
        leads_outside(storage, own) and leads_outside(own, storage)
        for own in (home, home / "models")
    )


def _is_tracking_uri(uri: str) -> bool:
    """Whether runs can be kept there: a server's address, a SQLite file, or empty."""
    is_file = uri.startswith("sqlite:///") and uri != "sqlite:///"
    return not uri or is_file or is_server(uri)


def _is_bare_server(url: str) -> bool:
    """Whether a URL is a server's, and holds no name and password: those have their own place."""
    return is_server(url) and "@" not in url


def _folder(given: Path) -> Path:
    try:
        folder = given.expanduser().resolve()
    except RuntimeError as error:
        raise SettingError(
            f"The home {given} can't be found ({error}).", remedy="Name another with --home."
        ) from error
    if not next(path for path in (folder, *folder.parents) if path.exists()).is_dir():
        raise SettingError(f"The home {folder} is no folder.", remedy="Name another with --home.")
    return folder


def _described(problem: ErrorDetails) -> str:
    """What is wrong with a setting, as `serving.threads: why`."""
    unknown = problem["type"] in {"extra_forbidden", "unexpected_keyword_argument"}
    why = "there is no such setting" if unknown else reason(problem)
    return f"{'.'.join(map(str, problem['loc']))}: {why}"
