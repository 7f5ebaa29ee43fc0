"""The description of the API as a page: Swagger, from files that are installed with us."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

PATH = "/docs"
_ICON_PATH = "/favicon.ico"
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" fill="#2563eb">'
    '<path d="M0 0h8v2H0zM0 3h5v2H0zM0 6h3v2H0z"/></svg>'
)
# A package that carries Swagger's own files, which FastAPI would let a browser fetch elsewhere.
_CARRIER = "fastapi_offline"
_SCRIPT, _STYLE = "swagger-ui-bundle.js", "swagger-ui.css"


def add_description(app: FastAPI) -> None:
    """Put Swagger under `/docs`, and the icon where browsers look for it."""

    @app.get(_ICON_PATH, include_in_schema=False)
    async def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml")

    @app.get(PATH, include_in_schema=False)
    async def description() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title=f"{app.title}: the API",
            swagger_js_url=f"{PATH}/{_SCRIPT}",
            swagger_css_url=f"{PATH}/{_STYLE}",
            swagger_favicon_url=_ICON_PATH,
            # It would send the description to another host, to be checked there.
            swagger_ui_parameters={"validatorUrl": None},
        )

    folder = Path(str(files(_CARRIER))) / "static"

    @app.get(f"{PATH}/{_SCRIPT}", include_in_schema=False)
    async def script() -> FileResponse:
        return FileResponse(folder / _SCRIPT)

    @app.get(f"{PATH}/{_STYLE}", include_in_schema=False)
    async def style() -> FileResponse:
        return FileResponse(folder / _STYLE)
