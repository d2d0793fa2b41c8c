"""The composition root: opens the library and the models a command needs, and closes them."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.config import CACHE, collections, home, library_folder
from rapid_cli.errors import StoreError
from rapid_cli.models.profiles import StoredProfiles
from rapid_cli.models.specs import DeviceChoice, ModelsFile
from rapid_cli.reader.formats.encodings.names import encoding_named

if TYPE_CHECKING:
    from rapid_cli.library.catalog import Catalog
    from rapid_cli.library.library import Library
    from rapid_cli.library.sharing import Sharing
    from rapid_cli.library.vectors.store import Store
    from rapid_cli.models.caching.prefix_cache import PrefixCache
    from rapid_cli.preflight.preflight import Preflight
    from rapid_cli.retrieval.embedder import Embedder
    from rapid_cli.retrieval.reranker import Reranker
    from rapid_cli.session.copies import Copies
    from rapid_cli.session.loading import Loader
    from rapid_cli.session.pairs import Pairs
    from rapid_cli.session.tuned import TunedModels
    from rapid_cli.storage.history import History


class Session:
    """What one run of a command has open; a context manager that closes contexts before weights."""

    def __init__(
        self,
        models_file: ModelsFile,
        *,
        collection: str | None = None,
        ocr: bool = False,
        encoding: str | None = None,
        untuned: bool = False,
        device: DeviceChoice | None = None,
        context_length: int | None = None,
    ) -> None:
        """Take the library of a `collection`, or the main one; with `ocr`, scans are read.

        An `encoding` is that of texts which are not Unicode; DocumentError if there is none such.
        `untuned`, `device` and `context_length` say how models run, as `Pairs` and `Loader` do.
        """
        self.models_file = models_file
        self._collection = collection
        self._ocr = ocr
        self._encoding = encoding_named(encoding) if encoding else None
        self._untuned = untuned
        self._device = device
        self._context_length = context_length
        self._open = ExitStack()
        self._models = self._open.enter_context(ExitStack())

    @cached_property
    def library(self) -> Library:
        """The documents on this machine, or those of a collection."""
        from rapid_cli.library.catalog import FILE_NAME, Catalog  # noqa: PLC0415
        from rapid_cli.library.library import Library  # noqa: PLC0415
        from rapid_cli.library.vectors.store import Store  # noqa: PLC0415
        from rapid_cli.reader.workers import Extractor  # noqa: PLC0415

        server = self.models_file.settings.store
        folder = library_folder(self._collection, server)
        catalog = self._open.enter_context(Catalog(folder))
        store = self._open.enter_context(Store(folder, server, self._collection))
        extractor = self._open.enter_context(Extractor(ocr=self._ocr, encoding=self._encoding))
        sharing = self._sharing(catalog, store, folder) if server else None
        library = Library(
            catalog, store, self.embedder, extractor, sharing=sharing, reranker=self._reranker()
        )
        with suppress(StoreError):  # told by whoever needs what is damaged
            if (folder / FILE_NAME).exists():
                library.erase_earlier()
        if server:
            library.adopt()
        return library

    def _sharing(self, catalog: Catalog, store: Store, folder: Path) -> Sharing:
        from rapid_cli.library.sharing import Sharing, origin_in  # noqa: PLC0415
        from rapid_cli.library.shelf import Shelf  # noqa: PLC0415

        origin = origin_in(folder)
        return Sharing(catalog, Shelf(store.database, self._collection, origin), origin)

    def _reranker(self) -> Reranker | None:
        spec = self.models_file.reranker
        if spec is None:
            return None
        from rapid_cli.models.hub import locate  # noqa: PLC0415
        from rapid_cli.retrieval.reranker import Reranker  # noqa: PLC0415 - seconds

        return Reranker(
            lambda: locate(spec.location, spec.name),
            identity=str(spec.location),
            passages=spec.passages,
        )

    @cached_property
    def embedder(self) -> Embedder:
        """What turns texts into vectors."""
        from rapid_cli.models.hub import locate  # noqa: PLC0415
        from rapid_cli.retrieval.embedder import Embedder  # noqa: PLC0415

        spec = self.models_file.embedder
        return Embedder(
            lambda: locate(spec.location, spec.name),
            identity=str(spec.location),
            chunk_tokens=spec.chunk_tokens,
            query_prompt=spec.query_prompt,
            document_prompt=spec.document_prompt,
            cache=home() / CACHE / "embedders",
        )

    def document_names(self) -> set[str]:
        """Return the names of all documents that any library of this machine holds."""
        from rapid_cli.library.catalog import FILE_NAME, Catalog  # noqa: PLC0415

        names: set[str] = set()
        for server in {None, self.models_file.settings.store}:
            for collection in (None, *collections(server)):
                folder = library_folder(collection, server)
                if (folder / FILE_NAME).exists():
                    with Catalog(folder) as catalog:
                        names |= {entry.name for entry in catalog.entries()}
        return names

    @cached_property
    def states(self) -> PrefixCache:
        """What models have read, kept on disk."""
        from rapid_cli.models.caching.prefix_cache import PrefixCache  # noqa: PLC0415

        cap = self.models_file.settings.cache_bytes
        return PrefixCache(home() / CACHE / "texts", cap_bytes=cap)

    @cached_property
    def history(self) -> History:
        """The log of answers."""
        from rapid_cli.storage.history import History  # noqa: PLC0415

        return self._open.enter_context(History(home()))

    @cached_property
    def profiles(self) -> StoredProfiles:
        """What the models cost on this machine."""
        return StoredProfiles(home())

    @cached_property
    def tuned(self) -> TunedModels:
        """What tuning chose on this machine."""
        from rapid_cli.session.tuned import TunedModels  # noqa: PLC0415

        return TunedModels(home() / "tuned")

    @cached_property
    def copies(self) -> Copies:
        """The copies of weights in other formats."""
        from rapid_cli.session.copies import Copies  # noqa: PLC0415

        return Copies(home() / CACHE / "weights")

    @cached_property
    def preflight(self) -> Preflight:
        """How models were seen to run on this machine."""
        from rapid_cli.preflight.preflight import Preflight  # noqa: PLC0415
        from rapid_cli.preflight.records import FOLDER, Records  # noqa: PLC0415

        return Preflight(Records(home() / FOLDER))

    @cached_property
    def pairs(self) -> Pairs:
        """What finds the models that answer."""
        from rapid_cli.models.hub.verifying import Hashes  # noqa: PLC0415
        from rapid_cli.session.pairs import Pairs  # noqa: PLC0415 - loads a native library

        return Pairs(
            self.models_file,
            self.tuned,
            self.copies,
            self.preflight,
            Hashes(home()),
            untuned=self._untuned,
            device=self._device,
        )

    @cached_property
    def loader(self) -> Loader:
        """What loads them."""
        from rapid_cli.session.loading import Loader  # noqa: PLC0415 - loads a native library

        return Loader(
            self.pairs,
            self._models,
            smaller_cache=self.models_file.settings.smaller_cache,
            context_length=self._context_length,
        )

    def free_models(self) -> None:
        """Free the models that are loaded, to make room for others; no context may be open."""
        self._models.close()
        self.__dict__.pop("loader", None)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
